"""doctor - asks every part now, and names what is down with the command that mends it."""
import json
import time

import database
import preflight
import supervisor

CLOCK_SKEW_S_MAX = 1    # a service further off than this is not ready (common/app/ready.h)


def read_state(place):
    try:
        return json.loads((place.run / "state.json").read_text())["parts"]
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}


def alive(place):
    lock = supervisor.take_lock(place.run) if place.run.is_dir() else True
    if lock is None:
        return True
    if lock is not True:
        lock.close()
    return False


def examine(place, parts):
    """Prints a line per part; returns how many are not well."""
    if not alive(place):
        print(f"✗ the suite is not running\n    Fix: {place.make('up')}")
        for problem in preflight.check(place):
            print(problem)
        return 1
    state = read_state(place)
    sick = 0
    for part in parts:
        row = state.get(part.name, {"state": "unknown", "starts": 0})
        trouble = find_trouble(place, part, row)
        restarts = f"   started {row['starts']} times" if row["starts"] > 1 else ""
        if trouble is None:
            print(f"✓ {part.name:<22}{row['state']:<12}{restarts}")
            continue
        sick += 1
        print(f"✗ {part.name:<22}{row['state']:<12}{restarts}\n    Why: {trouble}\n"
              f"    Fix: {mend(place, row, part.name)}")
        for line in supervisor.last_lines(place.run / f"log/{part.name}.log", 5):
            print(f"    | {line[:160]}")
    for problem in [*clock_skew(place, state), *preflight.disk(place), *preflight.memory(place),
                    *preflight.kernel()]:
        sick += 1
        print(problem)
    print(f"{sick} of {len(parts)} parts need attention" if sick
          else f"✓ all {len(parts)} parts are well")
    return sick


def find_trouble(place, part, row):
    if part.once:
        return None if row["state"] == "done" else row.get("reason") or f"it is {row['state']}"
    try:
        part.probe(place)
    except Exception as error:      # whatever a probe meets is the trouble
        return row.get("reason") or str(error)
    return None


def mend(place, row, name):
    look = place.make("logs", PART=name)
    if row["state"] in ("restarting", "starting", "waiting"):
        return f"it is being started; look again in a few seconds, or: {look}"
    if row["state"] == "held":
        return place.make("release", PART=name)
    if row["state"] == "ready":
        return place.make("restart", PART=name)
    return f"{look}; mend it; the supervisor tries again by itself"


def clock_skew(place, state):
    if state.get("postgres", {}).get("state") != "ready":
        return
    try:
        theirs = float(database.psql(place, "SELECT extract(epoch FROM clock_timestamp())")[0][0])
    except RuntimeError:
        return      # PostgreSQL is down; its own line says so
    skew = abs(time.time() - theirs)
    if skew > CLOCK_SKEW_S_MAX:
        yield preflight.Problem(f"PostgreSQL's clock is {skew:.1f} s off",
                                "services further off than 1 s are not ready",
                                "timedatectl set-ntp true")
