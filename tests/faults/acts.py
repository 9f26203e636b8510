"""Acts that a producer's own statement writes, and how often each stands in the published log."""
import collections
import json
import re
import subprocess
import sys

import reconciler
from door import TREE

sys.path.append(str(TREE / "clients/audit-reconcile"))
import sources      # noqa: E402

PRODUCER = "appointments"
ACT = {"id": "gen_random_uuid()", "act": "gen_random_uuid()", "now": "now()", "action": "'visit.read'",
       "outcome": "'done'", "who": "gen_random_uuid()", "role": "'clinician'", "acr": "2",
       "remote": "'192.0.2.7'", "patient_id": "gen_random_uuid()", "resource": "'no_show'",
       "resource_id": "gen_random_uuid()", "resource_version": "3"}


def statement(org):
    """audit_insert of common/app, with an act's values in it."""
    text = (TREE / "common/app/sql/act.sql").read_text()
    body = re.search(r"^-- audit_insert .*?\n((?:.+\n)+)", text, re.M)[1]
    values = ACT | {"org": f"'{org}'::uuid"}
    return re.sub(r"(?<!:):(\w+)\??", lambda found: values.get(found[1], "NULL"), body)


def log_size(place, org):
    """As anybody may read it in the checkpoint; 0 while there is none."""
    found = sorted((place.run / f"audit/log/{org}").glob("*/checkpoint"))
    return int(found[-1].read_text().split("\n")[1]) if found else 0


def published(place, org, folder):
    """{event: how often} of the producer's, in a log that was exported and that audit-verify found sound."""
    settings, copy = json.loads(reconciler.write_settings(place).read_text()), folder / "log"
    shard, = (place.run / f"audit/log/{org}").glob("*h[12]")
    for words in ([settings["export"], shard, copy],
                  [settings["verify"], copy, "--vkey", (shard / "vkey").read_text().strip()]):
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    keys = sources.Keys(settings["keyd"])
    opened = [sources.opened(entry, keys) for entry in sources.entries(copy, log_size(place, org))]
    return collections.Counter(body["event"] for row, body in opened if row["producer"] == PRODUCER)


def misplaced(logged, committed):
    """What is missing, what stands there more than once, and what nobody has done."""
    return committed - logged.keys(), {event for event, times in logged.items() if times > 1}, \
        logged.keys() - committed
