"""up - start, watch and stop the whole suite on this machine, without containers.

  up.py up [PART...]      start everything (or only these parts and what they need), and wait
  up.py down              stop everything, in order
  up.py reset             stop, and delete all state under the run folder
  up.py restart PART...   end these parts; the supervisor starts them again
  up.py hold PART...      end these parts and leave them down, until `release PART...` or `up`
  up.py logs [PART...]    follow the logs
  up.py doctor            ask every part whether it is well
  up.py preflight         what would keep `up` from starting, before anything is installed or built
  up.py keys              fetch the identity provider's keys again (after a rotation)
  up.py packages [test]   install (root) or name what Debian has to provide, compilers included
  up.py reconcile [TIME]  compare the gateway's requests, acts, rows and the published log (since then)
  up.py selftest          sign in as each kind of person through the gateway

Options stand before the command: --run FOLDER (.run), --ports BASE (18000), --bin FOLDER,
--replicas a,b (services that get a second replica), --jit c1|full (how the JVMs compile: to start
soon, or to serve long). They are kept in the run folder.
"""
import argparse
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import card
import certs
import configs
import database
import doctor
import fetch
import keys
import packages
import preflight
import realm
import reconciler
import suite
import supervisor
from place import PORTS, TREE, Place

UP_S_MAX = 900
DOWN_S_MAX = 75
SUPERVISOR_S_MAX = 10
FETCHED = {"kafka": fetch.kafka, "keycloak": fetch.keycloak}


def command_up(place, names):
    began = time.monotonic()
    if not lockable(place):
        return 1
    place.folder("")
    with open(place.run / "up.lock", "w") as lock:      # two `up`s at once: the second waits
        fcntl.flock(lock, fcntl.LOCK_EX)
        release(place, [file.name for file in place.folder("held").iterdir()])
        alive = doctor.alive(place)
        if alive and changed(place, names):
            print("Parts were built or chosen anew since the suite started: starting it again.")
            command_down(place, names)
            alive = False
        if alive:
            print(f"The suite is already running under {place.run}.")
        else:
            sweep(place)
            if not prepare(place, names):
                return 1
            launch(place, names)
        if not follow(place):
            return 1
    return 0 if names else card.end_start(place, began)


command_part = command_up       # `part redis` reads better in a test than `up redis`


def changed(place, names):
    """Does the running suite differ from what an `up` would start now?"""
    started = (place.run / "supervisor.pid").stat().st_mtime
    newer = [file for file in place.bin.glob("*") if file.stat().st_mtime > started]
    daemons = {part.name for part in suite.chosen(place, names) if not part.once}
    return bool(newer) or place.chosen_anew or not daemons <= doctor.read_state(place).keys()


def prepare(place, names):
    """Everything that has to exist before the first process starts."""
    (place.run / "log").mkdir(exist_ok=True)
    if not install(place, packages.missing()):
        return False
    # A test may start a few parts of a tree in which nothing is built.
    if not sound(preflight.check(place, preflight.CHECKS + ([] if names else [preflight.built]))):
        return False
    place.keep()
    chosen = {part.name for part in suite.chosen(place, names)}
    fetch_all(place, [name for name in FETCHED if name in chosen])
    certs.make_all(place)
    configs.write_all(place)
    configs.write_parts_file(place)
    if "postgres" in chosen:
        database.init(place)
    keys.prepare(place)
    return True


def lockable(place):
    """Not even a lock can be made in another's folder; what else is wrong is told with it."""
    return not preflight.check(place, preflight.FIRST) or sound(preflight.check(place))


def sound(problems):
    print("".join(f"{problem}\n" for problem in problems), end="", flush=True)
    return not problems


def install(place, absent):
    """Root alone may: to anybody else preflight has named them. False: apt could not, and it is told."""
    if not absent or os.geteuid() != 0:
        return True
    step(f"installing {len(absent)} Debian packages: {' '.join(absent)}")
    place.folder("log")
    try:
        packages.install(absent, place.run / "log/apt.log")
    except packages.Failed as failed:
        return sound([preflight.Problem("apt-get could not install what is missing", str(failed),
                                        "apt-get update; " + packages.line(absent))])
    return True


def fetch_all(place, names):
    """Both at once; each is mostly waiting for the network or for one thread of Java."""
    place.cache.mkdir(parents=True, exist_ok=True)
    faults = []

    def get(name):
        try:
            with open(place.cache / f"{name}.lock", "w") as lock:   # suites share the cache
                fcntl.flock(lock, fcntl.LOCK_EX)
                if FETCHED[name](place.cache, place.run / f"log/fetch-{name}.log"):
                    step(f"fetched {name}")
        except Exception as error:      # told below, both at once
            faults.append(f"{name}: {error}")

    threads = [threading.Thread(target=get, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        sys.exit("\n".join(f"✗ could not fetch {fault}\n    Fix: check the network and Maven's "
                           f"settings (~/.m2/settings.xml), then {place.make('up')} again"
                           for fault in faults))


def launch(place, names):
    (place.run / "state.json").unlink(missing_ok=True)  # nobody may take the last run's for ours
    with open(place.run / "log/supervisor.log", "ab") as log:
        subprocess.Popen([suite.PYTHON, f"{TREE}/deploy/local/supervisor.py", str(place.run),
                          *names], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                         start_new_session=True)


def follow(place):
    """Says each part as it becomes ready; returns when all are, or when some cannot be."""
    began, told, open_ones = time.monotonic(), set(), {}
    while time.monotonic() - began < UP_S_MAX:
        state = doctor.read_state(place) if doctor.alive(place) else {}
        for name, row in state.items():
            if row["state"] in ("ready", "done") and name not in told:
                told.add(name)
                step(f"{name:<22}{where(place, name):<8}{row['state']} in "
                     f"{row['ready_after_s']:.1f} s")
        open_ones = {n: r for n, r in state.items() if r["state"] not in ("ready", "done")}
        if state and not open_ones:
            return True
        hopeless = [row.get("failures", 0) >= supervisor.FAILING_AFTER or row["state"] == "waiting"
                    for row in open_ones.values()]
        if state and all(hopeless) and any(row.get("failures") for row in open_ones.values()):
            break
        if not state and time.monotonic() - began > SUPERVISOR_S_MAX:
            print(f"✗ the supervisor has ended; see {place.run}/log/supervisor.log")
            return False
        time.sleep(0.05)
    for name, row in open_ones.items():
        if row["state"] != "waiting":
            print(f"✗ {name} {row['state']}\n    Why: {row.get('reason')}\n    Fix: "
                  f"{place.make('logs', PART=name)}; mend it; then {place.make('up')}")
            for text in supervisor.last_lines(place.run / f"log/{name}.log"):
                print(f"    | {text[:160]}")
    return False


def where(place, name):
    unseen = name in ("redis", "keyd") or name not in PORTS
    return "" if unseen else f":{place.port(name)}"


def step(text):
    print(f"✓ {text}", flush=True)


def command_down(place, _):
    if not place.run.exists():
        return 0
    pid = supervisor_pid(place)
    if pid:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + DOWN_S_MAX
        while doctor.alive(place) and time.monotonic() < deadline:
            time.sleep(0.05)
    sweep(place)
    print("The suite is down." if pid else "The suite was not running.")
    return 0


def supervisor_pid(place):
    return int((place.run / "supervisor.pid").read_text()) if doctor.alive(place) else None


def sweep(place):
    """Ends what a killed supervisor has left running: by pid and start time, never by name."""
    left = [(name, row["pid"]) for name, row in doctor.read_state(place).items()
            if row.get("pid") and supervisor.started_ticks(row["pid"]) == row.get("ticks")]
    for number, patience_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        left = [(name, pid) for name, pid in left if supervisor.started_ticks(pid)]
        for name, pid in left:
            os.killpg(pid, signal.SIGINT if name == "postgres" and number == signal.SIGTERM
                      else number)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and any(supervisor.started_ticks(p) for _, p in left):
            time.sleep(0.05)


def command_reset(place, names):
    if place.run.exists() and any(place.run.iterdir()) and not (place.run / "up.lock").exists():
        print(f"✗ {place.run} is not a suite's run folder; nothing was deleted")
        return 1
    command_down(place, names)
    shutil.rmtree(place.run, ignore_errors=True)
    print(f"All state under {place.run} is gone; downloads stay in {place.cache}.")
    return 0


def command_restart(place, names):
    state = doctor.read_state(place)
    for name in names:
        row = state.get(name, {})
        if not row.get("pid") or supervisor.started_ticks(row["pid"]) != row.get("ticks"):
            print(f"✗ {name} is not running\n    Fix: {place.make('doctor')}")
            return 1
        os.kill(row["pid"], signal.SIGINT if name == "postgres" else signal.SIGTERM)
    return 0


def command_hold(place, names):
    place.folder("held")
    for name in names:
        place.held(name).touch()
    return command_restart(place, names)


def command_release(place, names):
    release(place, names)
    return 0


def release(place, names):
    for name in names:
        place.held(name).unlink(missing_ok=True)


def command_logs(place, names):
    there = sorted((place.run / "log").glob("*.log"))
    files = [file for file in there if file.stem in names or not names]
    if not files:
        print(f"✗ {', '.join(names)} has no log\n    There are: {', '.join(f.stem for f in there)}")
        return 1
    os.execvp("tail", ["tail", "-n", "20", "-F", *map(str, files)])


def command_doctor(place, _):
    names = list(doctor.read_state(place))
    return 1 if doctor.examine(place, [p for p in suite.parts(place) if p.name in names]) else 0


def command_keys(place, _):
    try:
        changed_now = keys.sync(place)
    except (OSError, RuntimeError) as error:
        print(f"✗ no keys from Keycloak: {error}\n    Fix: {place.make('doctor')}")
        return 1
    if changed_now:
        command_restart(place, ["gateway"])
        print("The keys have changed; the gateway starts again with them.")
    return 0


def command_packages(place, names):
    more = packages.TO_TEST if "test" in names else []
    absent = packages.missing(packages.TO_RUN + packages.TO_BUILD + more)
    if os.geteuid() != 0 and not sound(list(preflight.missing(absent))):
        return 1
    return 0 if install(place, absent) else 1


def command_preflight(place, _):
    """What runs already has passed this; what was killed leaves processes on our ports."""
    if not lockable(place):
        return 1
    if doctor.alive(place):
        return 0
    sweep(place)
    return 0 if sound(preflight.check(place)) else 1


def command_reconcile(place, names):
    done = reconciler.run(place, *names[:1])
    print(done.stdout + done.stderr, end="")
    return done.returncode


def command_selftest(place, _):
    import selftest
    return selftest.run(place)


def command_job(place, names):
    """A once-per-start step that is a process of its own, so that the supervisor sees it end."""
    JOBS[names[0]](place)
    return 0


def fetch_keys(place):
    keys.sync(place)
    (place.run / "keycloak/imported").touch()
    realm.import_file(place).unlink(missing_ok=True)


JOBS = {"databases": database.make_all, "keys": fetch_keys}
OF_A_PART = {"restart", "hold", "release"}
OF_A_SUITE = OF_A_PART | {"logs", "keys", "reconcile", "selftest"}


def call_refused(place, command, names):
    """What is wrong with the words of the command; None: nothing."""
    if command in OF_A_SUITE and not (place.run / "parts.json").exists():
        return f"✗ there is no suite under {place.run}\n    Fix: {place.make('up')}"
    if command in OF_A_PART and not (names and set(names) <= doctor.read_state(place).keys()):
        return (f"✗ {command} which part? There are: {', '.join(doctor.read_state(place))}\n"
                f"    Fix: {place.make(command, PART='gateway')}")
    return None


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--run", default=str(TREE / ".run"))
    parser.add_argument("--ports", type=int)
    parser.add_argument("--bin", type=pathlib.Path)
    parser.add_argument("--replicas", type=lambda text: [n for n in text.split(",") if n])
    parser.add_argument("--jit", choices=("c1", "full"))
    parser.add_argument("command")
    parser.add_argument("names", nargs="*")
    wanted = parser.parse_args()
    for name in wanted.replicas or []:
        if f"{name}-2" not in PORTS:
            parser.error(f"{name} has no second replica")
    command = globals().get(f"command_{wanted.command}")
    if not command:
        parser.error(f"there is no command {wanted.command}")
    os.umask(0o022)
    place = Place(wanted.run, wanted.ports, wanted.bin, wanted.replicas, wanted.jit)
    sys.exit(call_refused(place, wanted.command, wanted.names) or command(place, wanted.names))


if __name__ == "__main__":
    main()
