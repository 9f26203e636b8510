"""seal: a record of five fields sealed and unsealed, and a token verified, over raw OpenSSL and over
the seed's Fernet.

All is CPU time of one thread, ours and its anchor in turn (tests/bench/seal_load.c says what each
does). Fernet is Python's cryptography, a token a field, as the seed has it.
"""
import json
import statistics
import sys
import time

from cryptography.fernet import Fernet

import rig
import telecura

FIELDS = ("Okafor-Lindqvist", "Benedikta", "1984-07-02", "+49 30 123 456 78", "7 Mill Lane, 10115 Berlin, Germany")
RUNS = 3
TIMES = 400
BARS = {"over_raw": ("≤", 3), "fernet_over_ours": ("≥", 15), "verify_of_raw": ("≥", 0.7), "known_us": ("≤", 1)}


def fernet_ns():
    fernet = Fernet(Fernet.generate_key())
    began = time.thread_time_ns()
    for _ in range(TIMES):
        tokens = [fernet.encrypt(field.encode()) for field in FIELDS]
        assert [fernet.decrypt(token).decode() for token in tokens][4] == FIELDS[4]
    return (time.thread_time_ns() - began) / TIMES


def main():
    rig.arguments()
    load = f"{telecura.bin_folder()}/../tests/bench/seal_load"
    ours, theirs, busy = [], [], []
    with rig.alone():
        suite = telecura.Suite()
        try:
            suite.service("patients")
            who = suite.person("nurse")
            cert, key = suite.authority.leaf("patients")
            words = (f"{suite.folder}/keyd.sock", suite.authority.ca, cert, key, suite.jwks, telecura.ISSUER,
                     telecura.AUDIENCE, who.token, suite.postgres.conninfo("patients"))
            for _ in range(RUNS):
                busy.append(rig.calm())
                ours.append(json.loads(rig.run(load, *words)))
                theirs.append(fernet_ns())
        finally:
            suite.close()
    ns = {name: statistics.median(run[name] for run in ours) for name in ours[0]}
    middle = lambda value: round(statistics.median(value(run) for run in ours), 2)
    figures = {
        "over_raw": middle(lambda run: run["record_ns"] / run["raw_record_ns"]),
        "fernet_over_ours": round(statistics.median(
            fernet / run["record_ns"] for fernet, run in zip(theirs, ours)), 1),
        "verify_of_raw": middle(lambda run: run["raw_verify_ns"] / run["verify_ns"]),
        "known_us": round(ns["known_ns"] / 1000, 2),
        **ns, "fernet_ns": round(statistics.median(theirs)), "others_busy_cores": max(busy)}
    return rig.report("seal", figures, BARS)


if __name__ == "__main__":
    sys.exit(main())
