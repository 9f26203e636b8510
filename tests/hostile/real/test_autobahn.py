"""Family 9: the cases of Autobahn|Testsuite on our WebSocket. They want their words back, which no service of ours
does, so they are played with the services' own code and nothing behind it (../echo.c)."""
import concurrent.futures
import os
import subprocess

import pytest

import autobahn_peer

CASES = autobahn_peer.cases()
AT_ONCE = 16        # most cases wait
PASSED = ("OK", "NON-STRICT", "INFORMATIONAL")
# Where we do not do as they would like: which cases, the code that ends the connection, and why.
OURS = {
    "1.2.": (1003, "the frames of our protocol are texts; binary ones are refused"),
    "6.7.1": (1007, "a NUL stands in no text that we take: PostgreSQL could not keep it"),
}


@pytest.fixture(scope="module")
def outcomes():
    echo = subprocess.Popen([os.path.join(os.environ["TELECURA_BIN"], "../tests/hostile/echo")], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    port = int(echo.stdout.readline())
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        made = {name: pool.submit(lambda case: autobahn_peer.Peer(port).play(case), case) for name, case in CASES.items()}
    _, said = echo.communicate("", 30)
    assert (echo.returncode, said) == (0, "")
    return made


@pytest.mark.family(9)
@pytest.mark.parametrize("name", CASES)
def test_a_case_of_autobahn(outcomes, name):
    outcome = outcomes[name].result()
    refused = next((code for names, (code, _) in OURS.items() if name.startswith(names)), None)
    if refused:
        assert outcome.p.remoteCloseCode == refused
    else:
        assert outcome.behavior in PASSED and outcome.behaviorClose in PASSED, (outcome.result, outcome.resultClose)
