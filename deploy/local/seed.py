"""seed - patients, practitioners, allergies, conditions and medicines from FHIR R4 bundles.

usage: seed.py [--run .run] DIR         every *.json of DIR is a bundle

Goes through the gateway as people do: the front desk registers and enrols patients, a nurse writes
their charts, an admin enrols clinicians. Each bundle is read and checked whole (synthea.py) before
anything of it is sent; a malformed one is refused, the others go in.

Every request has an Idempotency-Key made of file and resource, so loading again changes nothing.
The service forgets a key after a week; then a patient is known by the record number, and only what
the chart lacks is added.

The last line is `seeded: P patients, C clinicians, R bundles refused`. Exit code 0 if any went in.
"""
import argparse
import http.client
import json
import pathlib
import ssl
import sys
import time
import urllib.parse
import uuid

import login
import synthea

KEYS = uuid.UUID("7d1c6f0e-52f5-4a52-9a6c-1f6f0a3c9b11")
TRIES = 8
AGAIN = {429, 503}          # and 409 idempotency_in_flight
REQUEST_S_MAX = 30
NAME_BYTES_MAX = 200        # of who is shown, at access


class Refused(Exception):
    """The gateway or a service says no."""
    def __init__(self, where, status, code):
        super().__init__(f"{where}: answered {status} {code}")
        self.where, self.reason, self.code = where, f"answered {status} {code}", code


class Unready(Exception):
    """The suite cannot be asked."""


class Caller:
    """One person, signed in; a token that ends is asked for anew."""

    def __init__(self, endpoints, role, org=None):
        people = [one for one in endpoints["people"] if one["role"] == role
                  and org in (None, one["org"])]
        if not people:
            raise Unready(f"nobody is {role} in the demo's organisation")
        self.endpoints, self.person, self.token = endpoints, people[0], None

    def sign_in(self):
        browser = login.Browser(self.endpoints["ca_file"])
        answer = login.sign_in(browser, self.endpoints["issuer"], self.endpoints["gateway"] + "/",
                               self.person)
        self.token = answer["access_token"]


class Gateway:
    def __init__(self, endpoints):
        at = urllib.parse.urlsplit(endpoints["gateway"])
        self.context = ssl.create_default_context(cafile=endpoints["ca_file"])
        self.host, self.port, self.connection = at.hostname, at.port or 443, None

    def post(self, caller, path, body, where, key=None):
        return self.ask(caller, "POST", path, body, where, key)

    def ask(self, caller, method, path, body, where, key=None):
        """The JSON of a 2xx answer; Refused for any other."""
        for _ in range(TRIES):
            if caller.token is None:
                caller.sign_in()
            status, headers, answer = self._send(caller, method, path, body, key)
            if status < 300:
                return answer
            if status == 401:
                caller.token = None
            elif status in AGAIN or answer.get("code") == "idempotency_in_flight":
                time.sleep(min(10, int(headers.get("Retry-After") or 1)))
            else:
                break
        raise Refused(where, status, answer.get("code", ""))

    def _send(self, caller, method, path, body, key):
        headers = {"Authorization": f"Bearer {caller.token}"}
        if key:
            headers["Idempotency-Key"] = str(key)
        if body is not None:
            headers["Content-Type"], body = "application/json", json.dumps(body).encode()
        for last in (False, True):      # a kept connection may have been closed meanwhile
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPSConnection(
                        self.host, self.port, context=self.context, timeout=REQUEST_S_MAX)
                self.connection.request(method, path, body, headers)
                reply = self.connection.getresponse()
                return reply.status, reply.headers, problem_or_json(reply)
            except (http.client.HTTPException, OSError) as error:
                self.connection.close()
                self.connection = None
                if last:
                    raise Unready(f"the gateway does not answer: {error}") from None


def problem_or_json(reply):
    try:
        answer = json.loads(reply.read() or b"{}")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


class Seed:
    def __init__(self, endpoints):
        self.gateway = Gateway(endpoints)
        self.desk = Caller(endpoints, "front_desk")
        org = self.desk.person["org"]
        self.nurse, self.admin = Caller(endpoints, "nurse", org), Caller(endpoints, "admin", org)
        self.patients, self.clinicians, self.refused = set(), {}, 0

    def file(self, file):
        try:
            bundle = synthea.read(file)
            for clinician in bundle.clinicians:
                self.clinician(clinician)
            for patient in bundle.patients:
                self.patient(bundle, patient)
        except (synthea.Malformed, Refused) as error:
            self.refused += 1
            print(f"✗ {file.name}: {error.where}: {error.reason}", flush=True)

    def clinician(self, clinician):
        """Practitioners stand in several bundles: their id alone is the key."""
        if clinician.where not in self.clinicians:
            person = self.gateway.post(self.admin, "/v1/people", clinician.body, clinician.where,
                                       uuid.uuid5(KEYS, clinician.where))
            self.clinicians[clinician.where] = person["id"]

    def patient(self, bundle, patient):
        def key(what):
            return uuid.uuid5(KEYS, f"{bundle.name}/{what}")

        try:
            made = self.gateway.post(self.desk, "/v1/patients", patient.body, patient.where,
                                     key(patient.where))
            self.enrol(made, patient, key(f"{patient.where}/person"))
            there = []
        except Refused as error:
            if error.code != "mrn_taken":
                raise
            made = self.known(patient)
            there = self.chart(made, patient.where)
        for record in patient.records:
            if not any(record.body.items() <= one.items() for one in there):
                self.gateway.post(self.nurse, f"/v1/patients/{made['id']}/{record.path}",
                                  record.body, record.where, key(record.where))
        self.patients.add(made["id"])

    def enrol(self, made, patient, key):
        """The other services learn of the patient through the person whose record it is."""
        name = f"{patient.body['given_name']} {patient.body['family_name']}".encode()
        body = {"role": "patient", "patient_id": made["id"],
                "display_name": name[:NAME_BYTES_MAX].decode(errors="ignore")}
        body |= {name: patient.body[name] for name in ("language", "email") if name in patient.body}
        self.gateway.post(self.desk, "/v1/people", body, patient.where, key)

    def known(self, patient):
        found = self.gateway.post(self.desk, "/v1/patients/search", {"mrn": patient.body["mrn"]},
                                  patient.where)
        return found["data"][0]

    def chart(self, made, where):
        whose, rows = f"/v1/patients/{made['id']}", []
        for path in ("allergies", "conditions", "medicines"):
            cursor = ""
            while cursor is not None:
                page = self.gateway.ask(self.nurse, "GET", f"{whose}/{path}{cursor}", None, where)
                rows += page["data"]
                cursor = f"?cursor={page['next_cursor']}" if "next_cursor" in page else None
        return rows


def load(endpoints, folder):
    """Everything of @folder; (patients, clinicians, refused)."""
    seed = Seed(endpoints)
    for file in sorted(pathlib.Path(folder).glob("*.json")):
        seed.file(file)
    return len(seed.patients), len(seed.clinicians), seed.refused


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default=".run", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    wanted = parser.parse_args()
    if not wanted.folder.is_dir():
        sys.exit(f"✗ {wanted.folder} is no folder\n    Fix: make seed DIR=<folder of FHIR bundles>")
    try:
        endpoints = json.loads((wanted.run / "endpoints.json").read_text())
    except OSError as error:
        sys.exit(f"✗ {wanted.run}/endpoints.json cannot be read: {error.strerror}\n    Fix: make up")
    try:
        patients, clinicians, refused = load(endpoints, wanted.folder)
    except (Unready, login.LoginError, OSError) as error:
        sys.exit(f"✗ {error}\n    Fix: make doctor; then make seed again: it goes on where it stopped")
    print(f"seeded: {patients} patients, {clinicians} clinicians, {refused} bundles refused")
    sys.exit(0 if patients or clinicians else 1)


if __name__ == "__main__":
    main()
