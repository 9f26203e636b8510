"""seed - patients, practitioners, allergies, conditions and medicines from FHIR R4 bundles.

usage: seed.py [--run .run] DIR         every *.json of DIR is a bundle

Goes through the gateway as people do: the front desk registers and enrols patients and puts a nurse
on their care team, who writes their charts; an admin enrols clinicians. Each bundle is read and
checked whole (synthea.py) before anything of it is sent; a malformed one is refused, the others go in.

Loading again changes nothing, however much later, since what is there is looked up first: a
clinician by name; a patient by the record number, and who has none by name and birth date; in the
chart the record that says the same. So nothing here rests on an Idempotency-Key, which a service
forgets after a week; it serves the tries of one request.

The last line is `seeded: P patients, C clinicians, R bundles refused`. Exit code 0 if any went in.
"""
import argparse
import collections
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

TRIES = 8
AGAIN = {429, 503}          # and 409 idempotency_in_flight
REQUEST_S_MAX = 30
DAY_S = 24 * 3600
HEARD_S_MAX = 30            # patients hears of a care team from access
NAME_BYTES_MAX = 200        # of who is shown, at access
PAGE = 200
SAID = ("system", "code", "text", "onset", "status", "criticality")


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
                               self.person, "2" if self.person["role"] == "admin" else "1")
        self.token = answer["access_token"]


class Gateway:
    def __init__(self, endpoints):
        at = urllib.parse.urlsplit(endpoints["gateway"])
        self.context = ssl.create_default_context(cafile=endpoints["ca_file"])
        self.host, self.port, self.connection = at.hostname, at.port or 443, None

    def post(self, caller, path, body, where):
        return self.ask(caller, "POST", path, body, where)

    def pages(self, caller, path, where, **query):
        """Every row of a list."""
        rows, more = [], {"limit": PAGE, **query}
        while more:
            page = self.ask(caller, "GET", f"{path}?{urllib.parse.urlencode(more)}", None, where)
            rows += page["data"]
            more = "next_cursor" in page and more | {"cursor": page["next_cursor"]}
        return rows

    def ask(self, caller, method, path, body, where):
        """The JSON of a 2xx answer; Refused for any other."""
        key = str(uuid.uuid4())
        for _ in range(TRIES):
            if caller.token is None:
                caller.sign_in()
            status, headers, answer = self._send(caller, method, path, body, key)
            if status < 300:
                return answer
            if status == 401 or answer.get("code") == "second_factor_required":
                caller.token = None
            elif status in AGAIN or answer.get("code") == "idempotency_in_flight":
                time.sleep(min(10, int(headers.get("Retry-After") or 1)))
            else:
                break
        raise Refused(where, status, answer.get("code", ""))

    def _send(self, caller, method, path, body, key):
        headers = {"Authorization": f"Bearer {caller.token}"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
            body = json.dumps(body).encode()
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
        self.patients, self.clinicians, self.refused = set(), set(), 0
        self.names = None       # of the clinicians who are there and whom no bundle has named yet

    def file(self, file):
        try:
            bundle = synthea.read(file)
            for clinician in bundle.clinicians:
                self.clinician(clinician)
            for patient in bundle.patients:
                self.patient(patient)
        except (synthea.Malformed, Refused) as error:
            self.refused += 1
            print(f"✗ {file.name}: {error.where}: {error.reason}", flush=True)

    def clinician(self, clinician):
        """Practitioners stand in several bundles, each time under the same id."""
        if clinician.where in self.clinicians:
            return
        if self.names is None:
            there = self.gateway.pages(self.admin, "/v1/people", clinician.where, role="clinician")
            self.names = collections.Counter(one["display_name"] for one in there)
        name = clinician.body["display_name"]
        if self.names[name] > 0:
            self.names[name] -= 1
        else:
            self.gateway.post(self.admin, "/v1/people", clinician.body, clinician.where)
        self.clinicians.add(clinician.where)

    def patient(self, patient):
        made = self.known(patient)
        if not made:
            made = self.gateway.post(self.desk, "/v1/patients", patient.body, patient.where)
        self.enrol(made, patient)
        self.care(made, patient)
        there = self.chart(made, patient)
        for record in patient.records:
            if (record.path, record.body) in there:
                there.remove((record.path, record.body))
            else:
                self.gateway.post(self.nurse, f"/v1/patients/{made['id']}/{record.path}",
                                  record.body, record.where)
        self.patients.add(made["id"])

    def enrol(self, made, patient):
        """The other services learn of the patient through the person whose record it is."""
        name = f"{patient.body['given_name']} {patient.body['family_name']}".encode()
        body = {"role": "patient", "patient_id": made["id"],
                "display_name": name[:NAME_BYTES_MAX].decode(errors="ignore")}
        body |= {name: patient.body[name] for name in ("language", "email") if name in patient.body}
        try:
            self.gateway.post(self.desk, "/v1/people", body, patient.where)
        except Refused as error:
            if error.code != "conflict":    # the record has its person
                raise

    def care(self, made, patient):
        """The nurse's relation, unless one holds that will not end under this load."""
        body = {"patient_id": made["id"], "person_id": self.nurse.person["person_id"]}
        tomorrow = time.strftime("%Y-%m-%dT", time.gmtime(time.time() + DAY_S))
        there = self.gateway.pages(self.desk, "/v1/relations", patient.where, **body)
        if not any(one["kind"] == "care_team" and one["ends_at"] > tomorrow for one in there):
            self.gateway.post(self.desk, "/v1/relations",
                              {**body, "kind": "care_team", "proof": "care_plan"}, patient.where)

    def known(self, patient):
        """The record that is there; whom another patient of these bundles is, is nobody else."""
        body = patient.body
        if "mrn" in body:
            by, same = {"mrn": body["mrn"]}, {}
        else:
            by = {"family_name": body["family_name"], "birth_date": body["birth_date"]}
            same = {"given_name": body["given_name"]}
        found = self.gateway.post(self.desk, "/v1/patients/search", by, patient.where)["data"]
        return next((one for one in found if same.items() <= one.items()
                     and (one["id"] not in self.patients or "mrn" in body)), None)

    def chart(self, made, patient):
        """(path, what is said) of each record that is there."""
        return [(path, {name: row[name] for name in SAID if name in row})
                for path in sorted({record.path for record in patient.records})
                for row in self.opened(f"/v1/patients/{made['id']}/{path}", patient.where)]

    def opened(self, path, where):
        """Its rows, once patients has heard that the nurse cares for the patient."""
        until = time.monotonic() + HEARD_S_MAX
        while True:
            try:
                return self.gateway.pages(self.nurse, path, where)
            except Refused as error:
                if error.code != "not_found" or time.monotonic() > until:
                    raise
                time.sleep(0.05)


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
