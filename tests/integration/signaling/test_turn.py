"""coturn takes the credentials that a call is given, and no others; data is relayed."""
import os
import shutil
import subprocess
import time

import pytest

from telecura import free_port
from turn import Allocation, TurnError


@pytest.fixture(scope="module")
def coturn(suite, signaling):
    assert shutil.which("turnserver"), "apt-get install coturn"
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
    yield port
    server.terminate()
    server.wait(10)


def seat(coturn, server, **other):
    return Allocation(f"turn:127.0.0.1:{coturn}", **{"username": server["username"],
                                                     "password": server["credential"], **other})


def test_a_call_s_credentials_relay_data_and_others_do_not(coturn, visit, join):
    (hers,), (his,) = (join(visit, who)[1]["ice_servers"] for who in (visit.patient, visit.clinician))
    with seat(coturn, hers) as one, seat(coturn, his) as other:
        one.permit(other)
        other.permit(one)
        assert one.carry(b"a frame", other) == one.relayed
        assert other.carry(b"another", one) == other.relayed

    past = f"{int(time.time()) - 5}:{hers['username'].split(':')[1]}"
    for wrong in ({"password": hers["credential"][::-1]}, {"username": past},
                  {"username": his["username"]}):
        with pytest.raises(TurnError, match="refused with 401"):
            seat(coturn, hers, **wrong)
