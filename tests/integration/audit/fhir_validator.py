"""HAPI's R4 validator, other people's code, over an export of AuditEvents. `make fhir-validate` runs this, and
make test does not: it fetches 145 MB once."""
import json
import subprocess
import sys
import uuid

import pytest

from telecura import ROOT
from test_fhir_face import face  # noqa: F401  (a fixture)
from test_telectl import telectl

sys.path.append(f"{ROOT}/deploy/local")
import fetch    # noqa: E402
import place    # noqa: E402

PROGRAM = f"{ROOT}/tests/integration/audit/hapi/Validate.java"


@pytest.fixture(scope="module")
def validate(tmp_path_factory):
    cache, log = place.cache_folder(), tmp_path_factory.mktemp("fetched") / "log"
    fetch.hapi(cache, log)

    def run(file):
        done = subprocess.run(["java", "-cp", f"{fetch.hapi_folder(cache)}/lib/*", PROGRAM, file],
                              capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return run


def test_the_validator_accepts_each_event_of_an_export(feed, face, validate, tmp_path):  # noqa: F811
    """Every kind of deed, about somebody and nobody, refused, by a service, for each purpose; and none that is broken."""
    patient, doctor = feed.suite.patient().patient, str(uuid.uuid4())
    for action in ("visit.read", "visit.list", "visit.book", "visit.cancel", "audit.search"):
        for about in (patient, None):
            feed.act(1, patient=about, actor=doctor, action=action, consent=str(uuid.uuid4()), purpose="BTG")
    for purpose in ("PATRQT", "FAMRQT", "TREAT", "PATADMIN", "HPAYMT", "HCOMPL", "HSYSADMIN", "HOPERAT"):
        feed.act(1, patient=patient, actor=doctor, purpose=purpose)
    feed.act(1, patient=patient, actor=doctor, outcome="refused", error="not_found")
    feed.act(1, patient=patient, actor=None, remote=None, role="service", action="consent.expire")
    feed.indexed()
    done = telectl(feed, "audit", "export", str(tmp_path / "out"), "--fhir", who=feed.suite.person("auditor"),
                   plain=face.plain)
    assert done.returncode == 0, done.stderr
    bundles = [json.loads(line) for line in (tmp_path / "out/AuditEvent.ndjson").read_text().splitlines()]
    events = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    assert len(events) >= 20
    plain = {name: value for name, value in events[0].items() if name != "meta"}
    wrong = [plain | change for change in ({"action": "Q"}, {"recorded": "yesterday"}, {"source": {}}, {"agent": []})]
    file, lines = tmp_path / "all.ndjson", bundles + [plain] + wrong
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    *faults, counted = validate(file).splitlines()
    assert counted == f"{len(lines)} lines"
    assert {int(fault.split(":")[0]) for fault in faults} == {len(lines) - i for i in range(4)}, faults
