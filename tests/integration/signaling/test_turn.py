"""coturn takes the credentials that a call is given, and no others; data is relayed for as long as a
grant holds, and not longer."""
import base64
import contextlib
import hmac
import os
import re
import shutil
import socket
import subprocess
import time
import uuid

import pytest

from bus import Bus, event
from sealed import message, uuid_bytes
from telecura import free_port
from turn import MISMATCH, Allocation, TurnError
from visits import patiently, until

GRANT_REVOKED, CANCELLED = 3, 4


@pytest.fixture(scope="module")
def coturn(suite, signaling):
    assert shutil.which("turnserver"), "apt-get install coturn"
    folder = f"{suite.folder}/coturn"
    os.mkdir(folder)
    port, control = free_port(), free_port()
    with open(f"{folder}/turnserver.conf", "w") as f:
        f.write(f"listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={port}\n"
                "min-port=20600\nmax-port=20699\nfingerprint\nuse-auth-secret\n"
                "static-auth-secret=a turn secret\nrealm=telecura.test\nno-tls\nno-dtls\n"
                f"cli-ip=127.0.0.1\ncli-port={control}\ncli-password=a control secret\n"
                "no-multicast-peers\nallow-loopback-peers\nno-software-attribute\nlog-file=stdout\n"
                f"simple-log\nuserdb={folder}/turndb\npidfile={folder}/turn.pid\n")
    server = subprocess.Popen(["turnserver", "-c", f"{folder}/turnserver.conf"],
                              stdout=open(f"{folder}/log", "wb"), stderr=subprocess.STDOUT)
    server.control = f"127.0.0.1:{control}"
    server.port = port
    yield server
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="module")
def watching(suite, signaling, coturn):
    """A replica that hears of revocations, and may tell coturn."""
    bus = Bus()
    made = suite.replica("signaling", kafka=bus.address, turn_control=coturn.control,
                         turn_control_password=suite.secret("control.secret", "a control secret"))
    yield made
    made.stop()
    bus.close()


def seat(coturn, server, **other):
    return Allocation(f"turn:127.0.0.1:{coturn.port}", **{"username": server["username"],
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


def credentials(name, ends_s=600):
    """What signaling would give, by the secret that it shares with coturn."""
    username = f"{int(time.time()) + ends_s}:{name}"
    mac = hmac.digest(b"a turn secret", username.encode(), "sha1")
    return {"username": username, "credential": base64.b64encode(mac).decode()}


def is_ended(allocation):
    try:
        allocation.refresh()
    except TurnError as error:
        return error.code == MISMATCH   # there is none
    return False


def looked_at(coturn):
    """Returns when all that coturn relays has been looked at once more: a stranger's has ended."""
    with seat(coturn, credentials(uuid.uuid4())) as stranger:
        until(lambda: is_ended(stranger), what="the end of a stranger's allocation")


@pytest.fixture
def both(coturn, watching, visit, join):
    """(the visit, her grant's id, her credentials, her allocation, his); the two relay to each other."""
    grant = str(uuid.uuid4())
    (hers,) = patiently(lambda: join(visit, visit.patient, service=watching,
                                     grant=visit.grant(visit.patient, id=grant)))[1]["ice_servers"]
    (his,) = join(visit, visit.clinician, service=watching)[1]["ice_servers"]
    with seat(coturn, hers) as one, seat(coturn, his) as other:
        one.permit(other)
        other.permit(one)
        one.carry(b"a frame", other)
        other.carry(b"another", one)
        yield visit, grant, hers, one, other


def revoke(signaling, grant):
    body = message((1, GRANT_REVOKED), (3, uuid_bytes(grant)))
    event(signaling, "access.revocations.v1", str(uuid.uuid4()), body, GRANT_REVOKED)


@pytest.mark.family(7)
def test_who_is_taken_out_of_a_visit_is_not_relayed_any_more(signaling, coturn, both):
    _, grant, hers, one, other = both
    began = time.monotonic()
    revoke(signaling, grant)
    while other.heard_of(one, 0.1):
        assert time.monotonic() - began < 2
    assert is_ended(one) and not is_ended(other)
    with seat(coturn, hers) as again:       # its ten minutes are not over, so coturn lets it in
        until(lambda: is_ended(again))


@pytest.mark.family(7)
def test_whoever_died_meanwhile(signaling, watching, both):
    _, grant, _, one, other = both
    watching.kill()
    revoke(signaling, grant)
    assert other.heard_of(one, 2)
    watching.start()
    until(lambda: is_ended(one))
    assert not is_ended(other)


@pytest.mark.family(7)
def test_media_go_on_without_a_socket_until_the_grant_is_over(suite, signaling, coturn, watching, both, join):
    visit, _, hers, one, other = both
    ws, _ = join(visit, visit.patient, service=watching)
    ws.drop()
    until(lambda: suite.audit("signaling", action="call.leave", actor=visit.patient.id), 20)
    looked_at(coturn)
    assert other.heard_of(one, 2) and not is_ended(one)

    _, back = join(visit, visit.patient, service=watching)
    assert back["ice_servers"][0]["username"].split(":")[1] == hers["username"].split(":")[1]
    signaling.execute("UPDATE turn_name SET ends_at = now() - interval '50 s' WHERE person = "
                      f"'{visit.patient.id}'")
    looked_at(coturn)
    assert not is_ended(one)        # a moment in which another grant may come
    signaling.execute("UPDATE turn_name SET ends_at = now() - interval '61 s' WHERE person = "
                      f"'{visit.patient.id}'")
    until(lambda: is_ended(one))


@pytest.mark.family(7)
def test_with_the_visit_ends_what_was_relayed(signaling, both):
    visit, _, _, one, other = both
    event(signaling, "appointments.visits.v1", visit.id, message((1, CANCELLED), (4, "cancelled")), CANCELLED)
    until(lambda: is_ended(one) and is_ended(other))


def session_of(coturn, username):
    """What coturn calls the one session of that name."""
    host, port = coturn.control.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line, line.makefile("rwb", 0) as file:
        for told, answer in ((b"a control secret", b"> "), (b"ps " + username.encode(), b"Total sessions")):
            file.write(told + b"\r\n")
            text = b""
            while answer not in text:
                text += file.read(65536)
    (found,) = re.findall(rb"id=(\d+), user <" + username.encode(), text)
    return found


@pytest.fixture
def another(watching, grants, join):
    """Credentials of somebody in another call, in which they may be."""
    visit = grants.visit()
    return patiently(lambda: join(visit, visit.patient, service=watching))[1]["ice_servers"][0]


@pytest.mark.family(7)
def test_nobody_ends_another_s_relay_by_an_origin_that_reads_like_a_session(coturn, both, another):
    _, _, hers, one, other = both
    forged = b"\n 1) id=%s, user <1:x>:\nzz" % session_of(coturn, hers["username"])
    with seat(coturn, another, origin=forged) as forger:
        looked_at(coturn)
        assert other.heard_of(one, 2) and not is_ended(one) and not is_ended(other)
        until(lambda: is_ended(forger))
    looked_at(coturn)
    assert other.heard_of(one, 2)


@pytest.mark.family(7)
@pytest.mark.parametrize("origin", [
    b"https://telecura.test", b"\n> ", b"\n  Total sessions: 0\n\n> ",
    b"".join(b"\n)id=%d, user <>" % n for n in range(1, 8))])
def test_nor_hides_one_that_must_end(signaling, coturn, both, another, origin):
    _, grant, _, one, other = both
    with contextlib.ExitStack() as stack:
        forgers = [stack.enter_context(seat(coturn, another, origin=origin)) for _ in range(12)]
        began = time.monotonic()
        revoke(signaling, grant)
        while other.heard_of(one, 0.1):
            assert time.monotonic() - began < 2
        until(lambda: all(map(is_ended, forgers)))
        assert is_ended(one) and not is_ended(other)


def test_a_coturn_that_does_not_listen_is_told_of_once(suite, signaling, coturn, visit, join):
    deaf = suite.replica("signaling", turn_control=coturn.control,
                         turn_control_password=suite.secret("wrong.secret", "another"))
    until(lambda: "relay_unwatched" in deaf.tail())
    join(visit, visit.patient, service=deaf)
    assert deaf.stop() == 0 and deaf.tail(1000).count("relay_unwatched") == 1


def test_coturn_is_told_without_tls_so_not_across_a_network(suite, signaling):
    done = subprocess.run([signaling.binary, "--config", signaling.config], capture_output=True, timeout=60,
                          env={**suite.environment(), "TELECURA_TURN_CONTROL": "192.0.2.1:5766"})
    assert done.returncode == 69 and b"turn_control is refused" in done.stderr
