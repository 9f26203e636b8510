"""up: `make up` of what was up before, after `make down`: what a developer waits for.

Everything is built, and the consultation that a start holds is part of it. The suite of --run is stopped for
it, and runs again afterwards. No anchor: the bar is in seconds of a calm machine.
"""
import pathlib
import sys
import time

import rig

BARS = {"warm_s": ("≤", 40)}
EXIT_MISSING = 69


def make(goal, run):
    """As somebody in the tree would: what `make bench` itself was told is not passed on."""
    rig.run("env", "-u", "MAKEFLAGS", "make", "--no-print-directory", goal, f"RUN={run}", cwd=rig.ROOT)


def main():
    run = pathlib.Path(rig.arguments().run).resolve()
    if not (run / "endpoints.json").exists():
        print(f"up: nothing has been up under {run}: make up RUN={run}", file=sys.stderr)
        return EXIT_MISSING
    with rig.alone():
        make("down", run)
        busy = rig.calm()
        began = time.monotonic()
        make("up", run)
        took_s = time.monotonic() - began
    return rig.report("up", {"warm_s": round(took_s, 1), "others_busy_cores": busy}, BARS)


if __name__ == "__main__":
    sys.exit(main())
