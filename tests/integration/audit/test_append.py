"""One append to an audit log, and one that begins the shard of the next half year, broken at every
single syscall it makes on the log's files: EIO, ENOSPC or SIGKILL; at every operation that changes
something, done or not, which says that it failed; and by a power failure after any of these, which takes
what no sync has made last. Whatever the head names is whole after the next start, or in the same
process's next turn, fsck finds nothing, and the log goes on.

strace injects, and failing.c; append.c is the append without a database, the head a file. make faults
tries every one (SWEEP=all), make test a few of each (SEED= others); the run says how many.
"""
import base64
import collections
import concurrent.futures
import hashlib
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess

import pytest

import second
from conftest import EVERY
from telecura import bin_folder

LOG = "audit.0a000000-0000-4000-8000-000000000001/"
SHARDS = ("2026h2", "2027h1")
FEW = 6     # of each kind of fault, in make test
POWER_CUT = 99
BEFORE, ADDED = 252, 6      # an append that fills a bundle and begins the next
FULL = {"write", "openat", "mkdir", "rename", "fsync"}      # may fail for want of room
TREE = re.compile(r"^(\S+) (\d+) [\w+/]{43}=$", re.M)        # of heads; a line may have been cut
QUIET = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}    # which does not work under ptrace


@pytest.fixture(scope="module")
def append():
    return str(pathlib.Path(bin_folder()).parent / "tests/faults/append")


@pytest.fixture(scope="module")
def base(append, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    for count in (200, BEFORE - 200):
        subprocess.run([append, folder, "append", str(count)], check=True, timeout=30)
    return folder


@pytest.fixture(scope="module")
def vkeys(base):
    """{shard: key}, from the seed, by the reference page."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    seed = bytes.fromhex((base / "key").read_text().strip())
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    data = b"\x01" + public.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def vkey(origin):
        number = hashlib.sha256(origin.encode() + b"\n" + data).hexdigest()[:8]
        return f"{origin}+{number}+{base64.b64encode(data).decode()}"
    return {shard: vkey(LOG + shard) for shard in SHARDS}


def some(faults):
    return faults if EVERY else random.Random(os.environ.get("SEED", "append")).sample(faults, FEW)


def each(trial, faults):
    """What @trial(number, fault) says of each."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(trial, range(len(faults)), faults))


def goes_on(append, folder, vkeys, before, where):
    """The next start mends, and appends one leaf to those that the head names; nothing is left to find."""
    again = subprocess.run([append, folder, "again"], capture_output=True, text=True, timeout=30)
    assert again.returncode == 0, where + again.stderr
    # One leaf more; and its link, in a shard that was empty.
    assert whole(folder, vkeys) == before + 1 + (before == 0), where
    inspected(append, folder, where)
    shutil.rmtree(folder)


def inspected(append, folder, where):
    """By what fsck looks at files with."""
    found = subprocess.run([append, folder, "inspect"], capture_output=True, text=True, timeout=30)
    assert found.returncode in (0, 1) and not found.stderr, where + found.stderr
    assert all("is left over" in line for line in found.stdout.splitlines()), where + found.stdout


def traced(append, folder, what, names, *inject):
    """An append whose syscalls on the log's own files are @names' business."""
    paths = [word for name in names for word in ("-P", f"{folder}/{name}")]
    return subprocess.run(["strace", "-qq", "-o", f"{folder}/calls", *paths, *inject,
                           append, folder, what, str(ADDED)],
                          capture_output=True, text=True, timeout=30, env=QUIET)


def steps_of(append, base, folder, what):
    """(names of the log's files, {syscall: how often}) of an append that nothing disturbs."""
    shutil.copytree(base, folder)
    names = set()
    for _ in range(2):      # the first learns which files there will be
        shard = max(os.listdir(folder / "log"), key=lambda name: name * (name != "heads"))
        names |= {os.path.relpath(f"{at}/{name}", folder) for at, folders, files in os.walk(folder / "log")
                  for name in folders + files} | {"log", f"log/{shard}/.new", f"log/{shard}/staging"}
        if _ == 0:
            subprocess.run([append, folder, what, str(ADDED)], check=True, timeout=30)
    shutil.rmtree(folder)
    shutil.copytree(base, folder)
    assert traced(append, folder, what, names).returncode == 0
    calls = re.findall(r"^(\w+)\(", (folder / "calls").read_text(), re.M)
    return sorted(names), collections.Counter(calls)


def head_of(folder):
    """(size of the shard that is written, its name)."""
    data = (folder / "head").read_bytes()
    return struct.unpack_from("=Q", data)[0], data[40:].split(b"\0", 1)[0].decode().removeprefix(LOG)


def whole(folder, vkeys):
    """After the next start: every shard is sound and follows the one before; how many entries the
    shard has that is written."""
    head, shard = head_of(folder)
    folders = [folder / "log" / name for name in SHARDS[:SHARDS.index(shard) + 1]]
    entries = second.verify_chain(folders, [vkeys[name.name] for name in folders], strict=False)
    for number, found in enumerate(entries):
        assert found[number > 0:] == [b"leaf %d" % i for i in range(number > 0, len(found))]
    assert len(entries[-1]) == head
    trees = [(origin, int(size)) for origin, size in TREE.findall((folder / "log/heads").read_text())]
    assert trees == sorted(set(trees)) and trees[-1] == (LOG + shard, head)
    assert not (folder / "log" / shard / "staging").exists()
    return head


def trial(append, base, vkeys, what, steps, folder, call, number, fault):
    """What the log is after the fault and the next start; and whether the fault came before the head
    had moved."""
    shutil.copytree(base, folder)
    done = traced(append, folder, what, steps[0], "-e", f"trace={call}", "-e",
                  f"inject={call}:{fault}:when={number}")
    where = f"{what}: {call} {number} {fault}: {done.stderr[-2000:]}"
    assert "AddressSanitizer" not in done.stderr and "runtime error" not in done.stderr, where
    if fault.startswith("signal"):
        assert done.returncode != 0, where
    head, shard = head_of(folder)
    assert (head, shard) in ((BEFORE, SHARDS[0]), (BEFORE + ADDED, SHARDS[0])) if what == "append" else \
        (head, shard) in ((BEFORE, SHARDS[0]), (0, SHARDS[1]), (1 + ADDED, SHARDS[1])), where
    goes_on(append, folder, vkeys, head, where)
    return head in (0, BEFORE)


@pytest.mark.parametrize("what", ["append", "next"])
def test_every_syscall_of_an_append(append, base, vkeys, what, tmp_path):
    steps = steps_of(append, base, tmp_path / "dry", what)
    faults = [(call, number, fault) for call, count in steps[1].items() for number in range(1, count + 1)
              for fault in ("signal=KILL", "error=EIO", *(("error=ENOSPC",) if call in FULL else ()))]
    tried = each(lambda n, fault: trial(append, base, vkeys, what, steps, tmp_path / str(n), *fault), some(faults))
    print(f"{what}: {len(tried)} of {len(faults)} faults at {sum(steps[1].values())} syscalls: "
          f"{sum(tried)} before the head moved, {len(tried) - sum(tried)} after; none lost, none torn")
    assert not EVERY or len(tried) == len(faults) and 0 < sum(tried) < len(tried)


def counted(append, base, folder, what):
    """{operation: how often} of an append that nothing disturbs."""
    shutil.copytree(base, folder)
    done = subprocess.run([append, folder, what, str(ADDED)], capture_output=True, text=True, check=True,
                          timeout=30, env={**os.environ, "FAIL": "count"})
    return {name: int(count) for name, count in re.findall(r"^(\w+) (\d+)$", done.stdout, re.M)}


def failed_once(append, base, vkeys, what, folder, fault):
    """The log after an operation that failed, and after what the same process did next; whether the head
    had moved by then."""
    shutil.copytree(base, folder)
    done = subprocess.run([append, folder, what, str(ADDED)], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "FAIL": fault})
    assert done.returncode == 0, f"{what} {fault}: {done.stderr[-2000:]}"
    unsynced = [name for name in re.findall("^unsynced (.*/log/.*)$", done.stdout, re.M)
                if not name.endswith("/.new")]
    assert not unsynced, f"{what} {fault}: a power failure would lose {unsynced}"
    after = whole(folder, vkeys)
    inspected(append, folder, f"{what} {fault}: ")
    goes_on(append, folder, vkeys, after, f"{what} {fault}: ")
    return after


@pytest.mark.parametrize("what", ["try", "try-next"])
def test_every_operation_that_fails_done_or_not(append, base, vkeys, what, tmp_path):
    faults = [f"{name}:{number}:{when}" for name, count in counted(append, base, tmp_path / "dry", what).items()
              for number in range(1, count + 1)
              for when in ("before", "after", *(("half",) if name == "write" else ()))]
    ends = each(lambda n, fault: failed_once(append, base, vkeys, what, tmp_path / str(n), fault), some(faults))
    # One leaf after a step that had not moved the head; after one that had; and no step failed at all, as
    # when what is left over could not be removed.
    print(f"{what}: {len(ends)} of {len(faults)} operations failed, done or not; the log then has "
          f"{collections.Counter(ends)}")


def powerless(append, base, vkeys, what, folder, fault):
    """The log after a power failure and the next start; whether the head had moved by then."""
    shutil.copytree(base, folder)
    done = subprocess.run([append, folder, what, str(ADDED)], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "FAIL": f"{fault}:cut"})
    assert done.returncode == POWER_CUT, f"{what} {fault}: {done.stderr[-2000:]}"
    head, shard = head_of(folder)
    if fault == "end:1":    # its receipts may have been given
        assert len(second.verify(folder / "log" / shard, vkeys[shard], strict=False)) == head > ADDED
    goes_on(append, folder, vkeys, head, f"{what} {fault}: ")
    return head not in (0, BEFORE)


@pytest.mark.parametrize("what", ["try", "try-next"])
def test_the_power_fails_after_every_operation(append, base, vkeys, what, tmp_path):
    """All that was not synced, names and bytes, is gone."""
    faults = [f"{name}:{number}" for name, count in counted(append, base, tmp_path / "dry", what).items()
              for number in range(1, count + 1) if name != "head"]
    tried = [*some(faults[:-1]), *faults[-1:]]
    moved = each(lambda n, fault: powerless(append, base, vkeys, what, tmp_path / str(n), fault), tried)
    print(f"{what}: the power failed after {len(moved)} of {len(faults)} operations, {sum(moved)} after the head moved")
    assert tried[-1] == "end:1" and moved[-1]
