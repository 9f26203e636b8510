"""ask - is a part well? The probe of its row in deploy/local/suite.py, for a container's health.

usage: ask.py RUN PART
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "local"))

import place    # noqa: E402
import suite    # noqa: E402

where, name = place.Place(sys.argv[1]), sys.argv[2]
part = next(part for part in suite.parts(where) if part.name == name)
try:
    part.probe(where)
except Exception as error:      # whatever it is: the part is not well, and this is why
    sys.exit(f"{name}: {error}")
