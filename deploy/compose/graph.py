"""graph - docker-compose.yml, made from the same table as the native suite (deploy/local/suite.py).

    python3 deploy/compose/graph.py > docker-compose.yml

Each part is a container with the command, the number and the order of its row; a test makes the
file anew and compares. All share this machine's loopback, as they do natively, and one volume in
which every file belongs to the one part that may read it; what an older backup of that must be held
against, audit's heads, has its own. No secret stands in the file: where a row
holds one (Keycloak's environment, Kafka's id) the container reads it from the volume at its start.
"""
import json
import pathlib
import re
import shlex
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "deploy/local"))

import place as places     # noqa: E402
import suite               # noqa: E402

RUN, CACHE, BIN = "/suite", "/var/cache/telecura", "/telecura/build/release/bin"
HARDENED = {
    "network_mode": "host", "read_only": True, "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"], "tmpfs": ["/tmp"], "volumes": [f"suite:{RUN}"],
}
HEADS = {"volumes": [*HARDENED["volumes"], f"heads:{RUN}/audit-heads"]}     # where no restore of the other reaches
JOB_CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER"]      # jobs give files to the parts


class Graph(places.Place):
    """A place as it looks inside the containers, before its first start."""

    def __init__(self, scratch):
        super().__init__(scratch / "run", bin_folder=scratch / "bin", jit="full")
        self.bin.mkdir()
        for name in [*places.SERVICES, "topics"]:
            (self.bin / name).touch()
        self.cache = pathlib.Path(CACHE)

    def inside(self, word):
        """A path of this machine as the containers know it."""
        word = str(word)
        for here, there in ((self.run, RUN), (self.bin, BIN), (TREE, "/telecura")):
            word = word.replace(str(here), there)
        return word

    def secrets(self):
        """{text: the file that holds it in the volume}."""
        return {file.read_text().strip(): f"{RUN}/secrets/{file.name}"
                for file in sorted((self.run / "secrets").iterdir())}


def part_of(place, part):
    """One service of the compose file."""
    command = [place.inside(word) for word in part.command]
    environment = {key: place.inside(value) for key, value in part.environment.items()}
    ours = part.name in places.SERVICES
    made = dict(HARDENED, user=user_of(part), restart="no" if part.once else "unless-stopped",
                depends_on=depends_on(place, part), **image_of(part.name if ours else None))
    if part.once:
        made["cap_add"] = JOB_CAPABILITIES
    else:
        made["healthcheck"] = {"test": ["CMD", *health_of(part, ours)], "interval": "2s",
                               "timeout": "10s", "retries": 150, "start_period": "5s"}
    if part.name == "audit":
        made |= HEADS
    made["stop_signal"] = part.stop_signal.name
    made["command"] = with_secrets(place, command, environment)
    if environment:
        made["environment"] = environment
    return made


def with_secrets(place, command, environment):
    """Takes what is secret out of both, and reads it from its file instead."""
    lines = []
    for text, file in place.secrets().items():
        for key in [key for key, value in environment.items() if value == text]:
            del environment[key]
            lines.append(f"export {key}=$(cat {file})")
    quoted = shlex.join(command)
    if "kafka.tools.StorageTool" in command:
        id_of = f'k$(cut -c2- {RUN}/secrets/kafka-id)'
        quoted = re.sub(r"(?<= -t )\S+", f'"{id_of}"', quoted)
    elif not lines:
        return [word.replace("$", "$$") for word in command]
    return ["sh", "-c", "; ".join([*lines, f"exec {quoted}"]).replace("$", "$$")]


def user_of(part):
    if part.owner is None:
        return "0:0"
    if part.owner == "postgres":
        return "postgres"
    return f"{places.GROUP_ID + places.PORTS[part.owner]}:{places.GROUP_ID}"


def image_of(service):
    name, arguments = service or "parts", {"args": {"SERVICE": service}} if service else {}
    return {"image": f"telecura/{name}", "build": {
        "context": ".", "dockerfile": "deploy/Dockerfile",
        "target": "service" if service else "parts", **arguments}}


def health_of(part, ours):
    if ours:
        return [f"{BIN}/{part.name}", "--config", f"{RUN}/etc/{part.name}.conf", "--health"]
    return [suite.PYTHON, "/telecura/deploy/compose/ask.py", RUN, part.name]


def depends_on(place, part):
    table = {row.name: row for row in suite.parts(place)}
    rows = {name: "service_completed_successfully" if table[name].once else "service_healthy"
            for name in part.after}
    return {name: {"condition": condition}
            for name, condition in {"prepare": "service_completed_successfully", **rows}.items()}


def prepare():
    """Makes certificates, secrets and settings, once; as root, since each file gets its reader."""
    return dict(HARDENED | HEADS, **image_of(None), user="0:0", restart="no", read_only=False,
                cap_add=[*JOB_CAPABILITIES, "SETUID", "SETGID"],
                command=[suite.PYTHON, "/telecura/deploy/compose/prepare.py", RUN])


def compose():
    with tempfile.TemporaryDirectory() as scratch:
        place = Graph(pathlib.Path(scratch))
        parts = suite.parts(place)
        services = {"prepare": prepare()} | {part.name: part_of(place, part) for part in parts}
    return {"version": "3.9", "services": services, "volumes": {"suite": {}, "heads": {}}}


def yaml(value, indent=0):
    """As much YAML as this needs: maps in blocks, all else in JSON, which YAML contains."""
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield f"{' ' * indent}{key}:"
            yield from yaml(inner, indent + 2)
        else:
            yield f"{' ' * indent}{key}: {json.dumps(inner)}"


def main():
    print("# Made by deploy/compose/graph.py from deploy/local/suite.py; a test compares. The images:\n"
          "# deploy/Dockerfile. `docker-compose up` is not tried by any test yet: only this file is.")
    print("\n".join(yaml(compose())))


if __name__ == "__main__":
    main()
