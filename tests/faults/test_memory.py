"""What the services' memory holds once everybody has gone, as root reads it: no key, no token, no
passphrase, no word that was said about a patient; and what nobody can do in a running service.

Keys that are cached lie in locked memory that no core holds. That is left out; of it only that it is
there is asked, so that the search is known to find what is to be found.
"""
import os
import pathlib
import re

import pytest

import memory
from door import until
from place import SERVICES
from scene import Scene

IDLE_S_MAX = 60      # the gateway keeps its idle connections for a while, and they their buffers
TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}|v4\.public\.[A-Za-z0-9_-]{40,}")


@pytest.fixture(scope="module")
def said(clinic):
    """A day of work, to its end: what was said in it."""
    with Scene(clinic) as scene:
        scene.begin()
        answers = scene.ask_all()
        assert set(answers.values()) == {"done"}, answers
        scene.end()
        return {f"word of {patient}": word.encode() for patient, word in scene.word.items()}


@pytest.fixture(scope="module")
def keys(place, said, parts):
    """All that keyd has, by the KEK file and its passphrase."""
    passphrase = place.secret("keyd-passphrase").encode()
    keks = memory.keks(place.run / "keyd/kek", passphrase)
    made = {f"KEK {version}": key for version, key in keks.items()}
    for org, patient, row, domain, version, wrapped in parts.rows(
            "keyd", "SELECT org, patient, id, domain, kek, encode(wrapped, 'hex') FROM dek WHERE wrapped IS NOT NULL"):
        made[f"{domain} key {row}"] = memory.dek(keks[int(version)], org, patient, row, domain, bytes.fromhex(wrapped))
    return made | {f"{name} as text": memory.text_of(key) for name, key in made.items()} | {"passphrase": passphrase}


def tokens(held):
    return [(where, "a token") for where, data in held.items() if TOKEN.search(data)]


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_left_of_those_who_have_gone(parts, said, keys, service):
    left = []

    def clean():
        held = memory.memory(parts.row(service)["pid"])
        left[:] = memory.found(held, said | keys) + tokens(held)
        return not left

    try:
        until(clean, "a memory without secrets", IDLE_S_MAX)
    finally:
        assert left == []


def test_the_search_finds_what_is_there(parts, keys):
    pid = parts.row("keyd")["pid"]
    assert {which for _, which in memory.found(memory.memory(pid, undumped=True), keys)} >= {"KEK 1", "passphrase"}


def test_no_two_services_are_one_user(place):
    """Whom root starts; else all are the caller's."""
    uids = {place.owner(service)[0] for service in SERVICES}
    assert len(uids) == (len(SERVICES) if os.geteuid() == 0 else 1)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_shut_in(parts, service):
    pid = parts.row(service)["pid"]
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    uid, gid = parts.place.owner(service)
    assert (status["Uid"].split(), status["Gid"].split()) == ([str(uid)] * 4, [str(gid)] * 4)
    assert re.search(r"Max core file size +0 +0 ", pathlib.Path(f"/proc/{pid}/limits").read_text())
    log = (parts.place.run / f"log/{service}.log").read_text()
    told = re.findall(r'"event":"hardened","text":"landlock (\d+), system calls (\d+), locked memory (\w+)', log)[-1]
    assert int(told[0]) >= 2 and int(told[1]) > 100 and told[2] == "yes"
