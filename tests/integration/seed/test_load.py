"""`make seed` against the real access and patients, behind a door that stands for the gateway."""
import http.server
import json
import pathlib
import shutil
import ssl
import sys
import threading

import pytest

from bus import Bus
from telecura import ORG

ROOT = pathlib.Path(__file__).parents[3]
DATA = ROOT / "tests/data/synthea"
sys.path.insert(0, str(ROOT / "deploy/local"))

import seed  # noqa: E402

PASSED_ON = ("Authorization", "Idempotency-Key", "Content-Type")


class Door:
    """TLS outside, the services' mTLS inside; can fail a request as a gateway does."""

    def __init__(self, suite, owners):
        self.sent, self.fail_next, self.fail_at = [], [], None
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version, wbufsize = "HTTP/1.1", -1     # an answer leaves in one piece

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
                door.sent.append((self.command, self.path))
                if (self.command, self.path) == door.fail_at:
                    return self.answer(403, b"{}", {})
                if door.fail_next:
                    return self.answer(door.fail_next.pop(0), b"{}", {"Retry-After": "0"})
                owner = owners[self.path.split("/")[2].split("?")[0]]
                reply = owner.request(self.command, self.path, raw=body, headers={
                    name: self.headers[name] for name in PASSED_ON if name in self.headers})
                self.answer(reply.status, reply.body, {})

            do_GET = do_POST = pass_on

            def answer(self, status, body, headers):
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*suite.authority.leaf("gateway"))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Town:
    def __init__(self, suite):
        self.suite = suite
        self.bus = Bus()
        self.access, self.patients = (suite.service(name, kafka=self.bus.address) for name in ("access", "patients"))
        self.staff = {role: suite.fresh(suite.person(role)) for role in ("front_desk", "nurse", "admin")}
        self.door = Door(suite, {"people": self.access, "relations": self.access, "patients": self.patients})
        self.endpoints = {"gateway": self.door.url, "ca_file": suite.authority.ca, "issuer": "", "people": [
            {"role": role, "org": ORG, "name": role, "person_id": who.id} for role, who in self.staff.items()]}
        run = pathlib.Path(suite.folder) / "run"
        run.mkdir()
        (run / "endpoints.json").write_text(json.dumps(self.endpoints))

    def counts(self):
        return [self.patients.value(f"SELECT count(*) FROM {table}") for table in ("patient", "record")] + [
            self.access.value("SELECT count(*) FROM member")]


@pytest.fixture(scope="session")
def town(suite):
    made = Town(suite)
    yield made
    made.door.close()
    for service in (made.access, made.patients):    # while there is somebody to tell the rest to
        assert service.stop() == 0
    made.bus.close()


@pytest.fixture(autouse=True)
def signed_in(town, monkeypatch):
    """How a person signs in is the identity provider's; here the token is just there."""
    def sign_in(caller):
        caller.token = town.staff[caller.person["role"]].token
    monkeypatch.setattr(seed.Caller, "sign_in", sign_in)


@pytest.fixture
def run(town, monkeypatch, capsys):
    def call(folder):
        """(exit code, lines) of seed.py."""
        monkeypatch.setattr(sys, "argv", ["seed.py", "--run", f"{town.suite.folder}/run", str(folder)])
        with pytest.raises(SystemExit) as end:
            seed.main()
        return end.value.code, capsys.readouterr().out.splitlines()
    return call


def test_loaded_twice_is_loaded_once(town, run):
    code, lines = run(DATA)
    assert (code, lines) == (0, ["seeded: 4 patients, 102 clinicians, 0 bundles refused"])
    after = town.counts()
    assert after[:2] == [4, 11]         # of three bundles of Synthea, and the made-up one
    assert run(DATA) == (code, lines) and town.counts() == after

    desk, nurse = town.staff["front_desk"], town.staff["nurse"]
    found = town.patients.post("/v1/patients/search", {"mrn": "made-up-1"}, who=desk, key="").json["data"]
    (alma,) = found
    assert (alma["family_name"], alma["birth_date"]) == ("Example", "1979-11-30")
    allergies = town.patients.get(f"/v1/patients/{alma['id']}/allergies", who=nurse).json["data"]
    assert [(one["text"], one["code"], one["criticality"]) for one in allergies] == [
        ("Penicillin", "70618", "high"), ("Aspirin", "1191", "low"), ("Latex", "111088007", "unable-to-assess")]
    assert town.access.value(f"SELECT count(*) FROM relation WHERE kind = 'self' AND patient_id = '{alma['id']}'") == 1


def test_when_the_keys_are_forgotten_nothing_is_made_twice(town, run):
    """A week later: nobody twice, and a chart gets only what it lacks."""
    code, lines = run(DATA)
    before = town.counts()
    forget(town)
    assert run(DATA) == (code, lines) and town.counts() == before

    removed = town.patients.rows("UPDATE record SET state = 'removed', version = version + 1 WHERE id = "
                                 "(SELECT id FROM record WHERE state = 'active' LIMIT 1) RETURNING id")
    assert run(DATA) == (code, lines)
    assert len(removed) == 1 and town.counts() == [before[0], before[1] + 1, before[2]]


def forget(town):
    for service in (town.access, town.patients):
        service.execute("DELETE FROM idempotency")
        assert service.value("SELECT count(*) FROM idempotency") == 0


def test_patients_without_a_record_number_are_known_by_name_and_birth_date(town, run, tmp_path):
    """Two of the same name and day are two, each time."""
    def twins(bundle):
        (alma,) = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient"]
        alma["resource"]["name"] = [{"family": "Numberless", "given": ["Noa"]}]
        del alma["resource"]["identifier"]
        other = json.loads(json.dumps(alma))
        other["resource"]["id"], other["fullUrl"] = "other", "urn:uuid:other"
        bundle["entry"].append(other)

    broken(tmp_path, "twins.json", twins)
    before = town.counts()
    code, lines = run(tmp_path)
    after = town.counts()
    assert (code, lines) == (0, ["seeded: 2 patients, 0 clinicians, 0 bundles refused"])
    assert [now - then for now, then in zip(after, before)] == [2, 5, 2]
    forget(town)
    assert run(tmp_path) == (code, lines) and town.counts() == after


def test_a_load_that_was_cut_short_goes_on_where_it_stopped(town, run, tmp_path):
    """Killed between the record and its person: the next load enrols who is there already."""
    def somebody(bundle):
        for entry in bundle["entry"]:
            for identifier in entry["resource"].get("identifier", []):
                identifier["value"] = "cut-short"

    broken(tmp_path, "cut.json", somebody)
    before = town.counts()
    town.door.fail_at = ("POST", "/v1/people")
    assert run(tmp_path)[0] == 1
    town.door.fail_at = None
    assert [now - then for now, then in zip(town.counts(), before)] == [1, 0, 0]
    forget(town)
    assert run(tmp_path)[0] == 0
    assert [now - then for now, then in zip(town.counts(), before)] == [1, 5, 1]


def broken(folder, name, change):
    bundle = json.loads((DATA / "made-up-allergies.json").read_text())
    change(bundle)
    (folder / name).write_text(json.dumps(bundle))


def test_a_malformed_bundle_is_refused_whole_and_the_others_go_in(town, run, tmp_path):
    def last_is_bad(bundle):
        bundle["entry"][0]["resource"]["identifier"][0]["value"] = "never-seen"
        bundle["entry"][-1]["resource"]["status"] = None

    broken(tmp_path, "a-broken.json", last_is_bad)
    (tmp_path / "b-cut.json").write_text('{"resourceType": "Bundle", "type": "tra')
    shutil.copy(DATA / "e27d88b0-c5e5-4042-ad49-184f6a900ee3.json", tmp_path)
    (tmp_path / "LICENSE").write_text("no bundle")
    code, lines = run(tmp_path)
    assert code == 0 and lines[-1] == "seeded: 1 patients, 1 clinicians, 2 bundles refused"
    (first, second) = lines[:-1]
    assert first.startswith("✗ a-broken.json: MedicationRequest/") and first.endswith("status is missing or no text")
    assert second == "✗ b-cut.json: bundle: is not JSON"
    reply = town.patients.post("/v1/patients/search", {"mrn": "never-seen"}, who=town.staff["front_desk"], key="")
    assert reply.json["data"] == []     # nothing of it went in


def test_when_nothing_went_in_it_fails(town, run, tmp_path):
    assert run(tmp_path) == (1, ["seeded: 0 patients, 0 clinicians, 0 bundles refused"])
    (tmp_path / "x.json").write_text("[]")
    assert run(tmp_path)[0] == 1
    code, _ = run(tmp_path / "nowhere")
    assert "is no folder" in code


def test_a_busy_gateway_is_asked_again(town, run):
    run(DATA)
    before = town.counts()
    town.door.fail_next = [429, 503, 401]
    assert run(DATA)[0] == 0 and town.door.fail_next == [] and town.counts() == before


def test_what_a_service_refuses_is_named(town, run, tmp_path):
    shutil.copy(DATA / "made-up-allergies.json", tmp_path / "other.json")
    town.door.fail_next = [403]
    code, lines = run(tmp_path)
    assert code == 1 and lines[0].startswith("✗ other.json: Patient/") and "answered 403" in lines[0]


def test_no_suite_no_seed(run, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["seed.py", "--run", str(tmp_path), str(DATA)])
    with pytest.raises(SystemExit) as end:
        seed.main()
    assert "Fix: make up" in end.value.code


def test_a_gateway_that_is_away_is_said(town, run):
    town.door.close()
    code, _ = run(DATA)
    assert "the gateway does not answer" in code and "make doctor" in code
