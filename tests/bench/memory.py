"""memory: PSS of the eleven services of the running suite, each replica once.

Shared pages count by their share, so this is what the machine would gain if they went away.
"""
import pathlib
import sys

import rig

SERVICES = ("access", "appointments", "audit", "billing", "fhir", "keyd", "messaging",
            "notifications", "patients", "prescriptions", "signaling")
BARS = {"mb": ("≤", 150)}
EXIT_MISSING = 69


def of_suite(run):
    """(service, pid) of every process that was started with a setting file under @run."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        name = pathlib.Path(words[0]).name
        if name in SERVICES and any(word.startswith(f"{run}/") for word in words[1:]):
            yield name, int(folder.name)


def main():
    run = pathlib.Path(rig.arguments().run).resolve()
    found = sorted(of_suite(run))
    missing = sorted(set(SERVICES) - {name for name, _ in found})
    if missing:
        print(f"memory: not running under {run}: {', '.join(missing)}; start them: make up",
              file=sys.stderr)
        return EXIT_MISSING
    firsts = dict(reversed(found))  # a replica is a second process of the same code
    each = {name: round(rig.pss_kb(pid) / 1024, 1) for name, pid in sorted(firsts.items())}
    figures = {"mb": round(sum(each.values()), 1), "processes": len(found), "each_mb": each}
    return rig.report("memory", figures, BARS)


if __name__ == "__main__":
    sys.exit(main())
