"""What the benches share: a calm machine, CPU and memory of processes, one line of result.

The machine is never ours alone, so nothing here is an absolute claim: a bench alternates what it
measures with its anchor (A B B A), waits for calm before each run, at most CALM_S, and tells how
busy others were. Everything but the result goes to standard error.
"""
import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
for folder in ("tests/harness", "deploy/local"):
    sys.path.insert(0, str(ROOT / folder))

CALM_S = float(os.environ.get("BENCH_CALM_S", "30"))
CALM_CORES = 0.3
TICKS = os.sysconf("SC_CLK_TCK")


def _stop(*_):
    """Once: a second signal would cut short the ending of what was started."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


signal.signal(signal.SIGTERM, _stop)


def note(text):
    print(f"# {text}", file=sys.stderr, flush=True)


def _ticks():
    """Of all cores since the machine started: busy (the hypervisor's steal included), stolen."""
    with open("/proc/stat") as f:
        fields = list(map(int, f.readline().split()[1:9]))
    return sum(fields) - fields[3] - fields[4], fields[7]


AT_START = _ticks()


def stolen():
    """Of the CPU that was asked for since the bench began, the part that another machine got."""
    busy, away = (now - then for now, then in zip(_ticks(), AT_START))
    return round(away / busy, 3) if busy else 0


def busy_cores(seconds=0.5):
    """Cores that others keep busy while we sleep, the hypervisor's steal included."""
    before, _ = _ticks()
    time.sleep(seconds)
    return round((_ticks()[0] - before) / TICKS / seconds, 2)


def calm():
    """Waits for a calm machine, CALM_S at most; how busy it is then."""
    until = time.monotonic() + CALM_S
    while (busy := busy_cores()) > CALM_CORES and time.monotonic() < until:
        time.sleep(1)
    return busy


@contextlib.contextmanager
def alone():
    """One measured run at a time on this machine. No child inherits the lock."""
    with open(os.path.join(tempfile.gettempdir(), "telecura-bench.lock"), "a") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def cpu_s(pid):
    """CPU seconds of a process and its descendants, reaped ones included. utime + stime is scaled
    by the kernel to exact run time."""
    time.sleep(0.3)  # a child that is just ending is reaped meanwhile, or its time is lost
    stat = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rsplit(")", 1)[1].split()
            stat[int(path.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])) / TICKS)
    mine, more = {pid}, True
    while more:
        new = {p for p, (parent, _) in stat.items() if parent in mine} - mine
        mine, more = mine | new, bool(new)
    return sum(stat[p][1] for p in mine if p in stat)


def threads_cpu_s(pid, name):
    """CPU seconds of those of its threads whose names begin so."""
    total = 0
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        its_name, fields = path.read_text().split("(", 1)[1].rsplit(")", 1)
        if its_name.startswith(name):
            total += sum(map(int, fields.split()[11:13]))
    return total / TICKS


def pss_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))


def run(*command, **kw):
    """Its standard output; a failure shows its last words."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **kw)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n"
                           f"{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def wait_port(port, process):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args[0]} does not listen")


def percentile(sorted_values, q):
    return sorted_values[min(len(sorted_values) - 1, int(q * len(sorted_values)))]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", default=".run", help="run folder of a suite")
    parser.add_argument("--seconds", type=int, default=6, help="of each measured run")
    parser.add_argument("--part", help="of a bench that has parts: one of them, no result kept")
    return parser.parse_args()


def report(bench, figures, bars, part=None):
    """Prints the result and, unless it is only of a part, keeps it; the exit status says whether every
    bar is held.

    @bars: figure -> ("≥" or "≤", value)."""
    missed = [f"{name} {figures[name]} is not {sign} {bar}" for name, (sign, bar) in bars.items()
              if name in figures and (figures[name] < bar if sign == "≥" else figures[name] > bar)]
    line = {"bench": bench, **figures, "load": os.getloadavg()[0], "stolen": stolen(),
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    if not part:
        results = HERE / "results"
        results.mkdir(exist_ok=True)
        (results / f"{bench}.json").write_text(json.dumps(line, indent=1) + "\n")
    for text in missed:
        note(f"missed: {text}")
    print(json.dumps(line), flush=True)
    return 1 if missed else 0
