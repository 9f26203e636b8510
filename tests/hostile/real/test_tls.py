"""Family 26: what testssl.sh says of the gateway's TLS. It is told of our own CA. One run serves all cases, and what
it dislikes besides is one, too."""
import json
import subprocess

import pytest

OFFERED = {"SSLv2": "not offered", "SSLv3": "not offered", "TLS1": "not offered", "TLS1_1": "not offered",
           "TLS1_2": "not offered", "TLS1_3": "offered with final"}
SOUND = ["cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW", "cipherlist_STRONG", "cipher_negotiated",
         "cert_signatureAlgorithm", "cert_keySize", "cert_trust", "cert_chain_of_trust", "cert_expirationStatus", "heartbleed", "CCS",
         "ticketbleed", "ROBOT", "secure_renego", "secure_client_renego", "CRIME_TLS", "BREACH", "POODLE_SSL", "fallback_SCSV",
         "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4"]
# What it dislikes and why we live with it.
EXCUSED = {
    "cert_revocation": "the suite's own CA lives in one folder and publishes nothing; an installation shows certificates of its own",
    "DNS_CAArecord": "localhost stands in no DNS",
}


@pytest.fixture(scope="module")
def judged(place, tmp_path_factory):
    """{id: (severity, finding)} of -p protocols, -s ciphers by strength, -P preference, -S certificate, -U known holes."""
    file = tmp_path_factory.mktemp("tls") / "said.json"
    done = subprocess.run(
        ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--fast", "-p", "-s", "-P", "-S", "-U", "--ip", "127.0.0.1",
         "--add-ca", place.ca_file, "--jsonfile", file, f"localhost:{place.port('gateway')}"],
        capture_output=True, text=True, timeout=400)
    said = {row["id"]: (row["severity"], row["finding"]) for row in json.loads(file.read_text())}
    assert "scanTime" in said, done.stdout[-3000:]
    return said


@pytest.mark.family(26)
@pytest.mark.parametrize("version", OFFERED)
def test_this_version_and_no_other(judged, version):
    assert judged[version][1] == OFFERED[version]


@pytest.mark.family(26)
@pytest.mark.parametrize("what", SOUND)
def test_it_finds_no_fault_with(judged, what):
    assert judged[what][0] == "OK", judged[what]


@pytest.mark.family(26)
def test_it_dislikes_nothing_else(judged):
    """A warning is no verdict but says that it could not look; where that matters, there is a case above."""
    disliked = {what: said for what, said in judged.items() if said[0] not in ("OK", "INFO", "WARN")}
    assert {what: said for what, said in disliked.items() if what not in EXCUSED} == {}
    assert EXCUSED.keys() <= disliked.keys(), "an excuse that is no longer needed"
