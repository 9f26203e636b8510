"""mainjob - what `make up` does once everything answers: the seed, one whole consultation, endpoints.json.

The consultation is tests/e2e/test_consultation.py, step by step as it stands there. Each run is a
new visit; what a run that was cut short has left open is closed first. `python3 mainjob.py --run
.run` does it once more in a suite that runs.
"""
import argparse
import hashlib
import inspect
import json
import pathlib
import secrets
import shutil
import sys
import tempfile
import time
import traceback

import people
from place import TREE, Place, write_file

sys.path.insert(0, str(TREE / "tests/e2e"))

import door as doors            # noqa: E402
import test_consultation        # noqa: E402
import visit as visits          # noqa: E402

SYNTHEA = TREE / "tests/data/synthea"
OPEN = ("scheduled", "confirmed", "arrived", "in_progress")
SHOWN = ("name", "display_name", "role", "org", "username", "password", "totp_secret", "person_id",
         "patient_id")


class Failed(Exception):
    """A step of the story did not happen."""


def run(place):
    canary = "canary" + secrets.token_hex(13)
    write_endpoints(place, canary)
    seed(place)
    consult(place, canary)
    write_endpoints(place, canary)      # now there is a log with a key


def seed(place):
    """Once for each set of bundles; to load it again would change nothing."""
    files = sorted(SYNTHEA.glob("*.json"))
    mark = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    done = place.run / "seeded"
    if done.exists() and done.read_text() == mark:
        return
    import seed as seeds
    began = time.monotonic()
    endpoints = json.loads((place.run / "endpoints.json").read_text())
    patients, clinicians, refused = seeds.load(endpoints, SYNTHEA)
    if refused:
        raise Failed("the seed: a bundle was refused")
    write_file(done, mark)
    say(f"seeded {patients} patients and {clinicians} clinicians", began)


def consult(place, canary):
    began = time.monotonic()
    visit = visits.Visit(doors.Door(place.run), place.bin, canary)
    close_what_is_open(visit)
    for name, step in vars(test_consultation).items():
        if name.startswith("test_"):
            tell(place, name.removeprefix("test_").replace("_", " "), step, visit)
    say(f"one consultation, end to end: {len(visit.events)} events in the log, proven", began)


def tell(place, name, step, visit):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="story-", dir=place.folder("story", mode=0o700)))
    offered = {"visit": visit, "tmp_path": folder}      # as pytest would
    try:
        step(**{wanted: offered[wanted] for wanted in inspect.signature(step).parameters})
    except Exception as error:
        *_, line = traceback.extract_tb(error.__traceback__)
        raise Failed(f"the consultation stopped where {name}\n    {line.line}\n    "
                     f"{type(error).__name__} {error}") from None
    finally:
        shutil.rmtree(folder)


def close_what_is_open(visit):
    """A run that was killed leaves a visit, and Ana has no time for two."""
    for left in visit.dr_lee.pages("/v1/appointments", provider_id=visit.dr_lee.id):
        path, state = f"/v1/appointments/{left['id']}", left["state"]
        if state == "in_progress":
            visit.dr_lee.put(f"{path}/note", text="Cut short.")
            visit.dr_lee.post(f"{path}/end")
        elif state in OPEN:
            visit.dr_lee.post(f"{path}/cancel")


def write_endpoints(place, canary):
    """The public face of the suite (0600: it holds passwords)."""
    parts = json.loads((place.run / "parts.json").read_text())
    # The shard that is written now: its three lines stay true when the next half year begins another.
    log = place.run / "audit/log" / people.fixed_id("riverside")
    vkeys = sorted(log.glob("*h[12]/vkey"))
    vkey = vkeys[-1].read_text().strip() if vkeys else ""
    origin = vkey.split("+")[0]
    names = ("gateway", "ca_file", "issuer", "token_endpoint", "openapi", "kafka",
             "postgres_socket", "redis", "turn", "smtp_sink")
    write_file(place.run / "endpoints.json", json.dumps(
        {name: parts[name] for name in names} | {
            "canary": canary,
            "audit_log": {"origin": origin, "vkey": vkey,
                          "url": f"{place.gateway_url}/v1/audit/{log.name}/{origin.rpartition('/')[2]}"},
            "people": [{name: one[name] for name in SHOWN if name in one}
                       for one in people.people(place)],
        }, indent=2) + "\n", 0o600)


def say(text, began):
    print(f"✓ {text} ({time.monotonic() - began:.1f} s)", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default=TREE / ".run", type=pathlib.Path)
    try:
        run(Place(parser.parse_args().run))
    except Failed as failed:
        sys.exit(f"✗ {failed}")


if __name__ == "__main__":
    main()
