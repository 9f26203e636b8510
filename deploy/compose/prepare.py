"""prepare - certificates, secrets, settings and the empty cluster, once, before the containers start.

usage: prepare.py RUN
"""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "local"))

import place    # noqa: E402
import suite    # noqa: E402
import up       # noqa: E402

where = place.Place(sys.argv[1], jit="full")
where.folder("")
if not up.prepare(where, []):
    sys.exit(1)
for part in suite.parts(where):     # what their containers read from these files at their start
    texts = {where.secret("kafka-id")} if part.name == "kafka-format" else set(part.environment.values())
    for file in (where.run / "secrets").iterdir():
        if file.read_text().strip() in texts:
            os.chown(file, *where.owner(part.owner))
