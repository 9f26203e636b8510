"""decision: CPU of one permission and consent decision, in the process that makes it.

us      median over rounds of every role, action and set of labels with 32 sets of facts each
us_p90  of the slowest tenth of the rounds

The code is policy_decide(), of which every service runs the half that reads the tables; the facts
that it waits for are looked up by PostgreSQL in the act's own flush and are no part of this.
"""
import subprocess
import sys

import rig
import telecura

BARS = {"us": ("≤", 5)}


def main():
    rig.arguments()
    with rig.alone():
        busy = rig.calm()
        done = subprocess.run([f"{telecura.bin_folder()}/../tests/bench/decide"], capture_output=True,
                              text=True, check=True)
    median_ns, p90_ns, allowed, decisions = map(float, done.stdout.split())
    figures = {"us": round(median_ns / 1000, 4), "us_p90": round(p90_ns / 1000, 4),
               "allowed": int(allowed), "of": int(decisions), "others_busy_cores": busy}
    return rig.report("decision", figures, BARS)


if __name__ == "__main__":
    sys.exit(main())
