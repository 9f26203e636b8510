"""coturn takes the credentials that a call is given, and no others; data is relayed."""
import os
import shutil
import socket
import subprocess
import time

import pytest

from telecura import free_port
from visits import until


@pytest.fixture(scope="module")
def coturn(suite, signaling):
    folder = f"{suite.folder}/coturn"
    os.mkdir(folder)
    port = free_port()
    with open(f"{folder}/turnserver.conf", "w") as f:
        f.write(f"listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={port}\n"
                "min-port=20600\nmax-port=20699\nfingerprint\nuse-auth-secret\n"
                "static-auth-secret=a turn secret\nrealm=telecura.test\nno-tls\nno-dtls\nno-cli\n"
                "no-multicast-peers\nallow-loopback-peers\nno-software-attribute\nlog-file=stdout\n"
                f"simple-log\nuserdb={folder}/turndb\npidfile={folder}/turn.pid\n")
    server = subprocess.Popen(["turnserver", "-c", f"{folder}/turnserver.conf"],
                              stdout=open(f"{folder}/log", "wb"), stderr=subprocess.STDOUT)

    def listens():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    until(listens)
    yield port
    server.terminate()
    server.wait(10)


def relayed(port, username, password):
    """What uclient says of messages sent through the relay to itself."""
    return subprocess.run(["turnutils_uclient", "-y", "-n", "5", "-m", "1", "-p", str(port), "-u", username,
                           "-w", password, "127.0.0.1"], capture_output=True, text=True, timeout=60)


def test_a_call_s_credentials_relay_data_and_others_do_not(coturn, visit, join):
    assert shutil.which("turnutils_uclient"), "apt-get install coturn"
    _, answer = join(visit, visit.patient)
    (server,) = answer["ice_servers"]
    for _ in range(3):      # UDP: a busy machine may drop a datagram, and one whole run is enough
        done = relayed(coturn, server["username"], server["credential"])
        if done.returncode == 0 and "tot_send_msgs=5, tot_recv_msgs=5" in done.stdout:
            break
    else:
        raise AssertionError(done.stdout[-2000:])

    wrong = relayed(coturn, server["username"], server["credential"][::-1])
    assert "Cannot complete Allocation" in wrong.stdout + wrong.stderr
    past = f"{int(time.time()) - 5}:{server['username'].split(':')[1]}"
    late = relayed(coturn, past, server["credential"])
    assert "Cannot complete Allocation" in late.stdout + late.stderr
