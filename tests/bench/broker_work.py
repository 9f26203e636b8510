"""A real broker for the benches that need one."""
import pathlib
import shutil
import sys
import tempfile

import rig
import place
import telecura


class Kafka:
    """The suite's own broker with its topics and rights, in a folder of its own."""

    def __init__(self, ports="32000", jit="c1"):
        self.ports = ports
        self.run = pathlib.Path(tempfile.mkdtemp(prefix="tc-", dir="/tmp"))
        self.run.chmod(0o755)  # parts run under numbers of their own
        self.up("--jit", jit, "up", "kafka", "topics")
        self.port = place.Place(self.run).port("kafka")

    def up(self, *words):
        rig.run(sys.executable, rig.ROOT / "deploy/local/up.py", "--run", self.run, "--ports", self.ports,
                "--bin", telecura.bin_folder(), *words, timeout=240)

    def settings(self, service):
        tls = self.run / "tls"
        return {"kafka": f"127.0.0.1:{self.port}", "tls_ca": tls / "ca.crt",
                "tls_cert": tls / f"{service}.crt", "tls_key": tls / f"{service}.key"}

    def close(self):
        self.up("down")
        shutil.rmtree(self.run)
