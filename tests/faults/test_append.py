"""One append to an audit log, broken at every single syscall it makes on the log's files: EIO, ENOSPC
or SIGKILL. Whatever the head names is whole after the next start, and the log goes on.

strace injects; tests/faults/append.c is the append without a database, the head a file. The faults
come in a random order (SEED=) and as many as fit into 50 seconds; the run says how many those were.
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
import sys
import time

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration/audit"))
import second       # noqa: E402

ORIGIN = "audit.0a000000-0000-4000-8000-000000000001/2026h2"
BUDGET_S = 50
BEFORE, ADDED = 252, 6      # an append that fills a bundle and begins the next
FULL = {"write", "openat", "mkdir", "rename", "fsync"}      # may fail for want of room
QUIET = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}    # which does not work under ptrace


@pytest.fixture(scope="module")
def append(programs):
    return str(programs.parent / "tests/faults/append")


@pytest.fixture(scope="module")
def base(append, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    for count in (200, BEFORE - 200):
        subprocess.run([append, folder, "append", str(count)], check=True, timeout=30)
    return folder


@pytest.fixture(scope="module")
def vkey(base):
    """From the seed, by the reference page."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    seed = bytes.fromhex((base / "key").read_text().strip())
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    data = b"\x01" + public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    number = hashlib.sha256(ORIGIN.encode() + b"\n" + data).hexdigest()[:8]
    return f"{ORIGIN}+{number}+{base64.b64encode(data).decode()}"


def traced(append, folder, names, *inject):
    """An append whose syscalls on the log's own files are @names' business."""
    paths = [word for name in names for word in ("-P", f"{folder}/{name}")]
    return subprocess.run(["strace", "-qq", "-o", f"{folder}/calls", *paths, *inject,
                           append, folder, "append", str(ADDED)],
                          capture_output=True, text=True, timeout=30, env=QUIET)


@pytest.fixture(scope="module")
def steps(append, base, tmp_path_factory):
    """(names of the log's files, {syscall: how often}) of an append that nothing disturbs."""
    folder = tmp_path_factory.mktemp("dry") / "x"
    shutil.copytree(base, folder)
    names = set()
    for _ in range(2):      # the first learns which files there will be
        names |= {os.path.relpath(f"{at}/{name}", folder) for at, folders, files in os.walk(folder / "log")
                  for name in folders + files} | {"log", "log/.new", "log/staging"}
        if _ == 0:
            subprocess.run([append, folder, "append", str(ADDED)], check=True, timeout=30)
    shutil.rmtree(folder)
    shutil.copytree(base, folder)
    assert traced(append, folder, names).returncode == 0
    calls = re.findall(r"^(\w+)\(", (folder / "calls").read_text(), re.M)
    return sorted(names), collections.Counter(calls)


def head_of(folder):
    return struct.unpack_from("=Q", (folder / "head").read_bytes())[0]


def trial(append, base, vkey, steps, folder, call, number, fault):
    """What the log is after the fault and the next start; and whether the fault came before the head
    had moved."""
    shutil.copytree(base, folder)
    done = traced(append, folder, steps[0], "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={number}")
    where = f"{call} {number} {fault}: {done.stderr[-2000:]}"
    assert "AddressSanitizer" not in done.stderr and "runtime error" not in done.stderr, where
    if fault.startswith("signal"):
        assert done.returncode != 0, where
    head = head_of(folder)
    assert head in (BEFORE, BEFORE + ADDED), where
    again = subprocess.run([append, folder, "again"], capture_output=True, text=True, timeout=30)
    assert again.returncode == 0, where + again.stderr
    entries = second.verify(folder / "log", vkey, strict=False)
    assert entries == [b"leaf %d" % i for i in range(head + 1)], where
    with open(folder / "log/heads") as f:
        sizes = [int(line.split()[1]) for line in f]
    assert sizes[-2:] == [head, head + 1] and sizes == sorted(set(sizes)), where
    assert not (folder / "log/staging").exists(), where
    shutil.rmtree(folder)
    return head == BEFORE


def test_every_syscall_of_an_append(append, base, vkey, steps, tmp_path):
    faults = [(call, number, fault) for call, count in steps[1].items() for number in range(1, count + 1)
              for fault in ("signal=KILL", "error=EIO", *(("error=ENOSPC",) if call in FULL else ()))]
    random.Random(os.environ.get("SEED", "append")).shuffle(faults)
    end, tried = time.monotonic() + BUDGET_S, []

    def run(number):
        if time.monotonic() < end:
            return trial(append, base, vkey, steps, tmp_path / str(number), *faults[number])
        return None

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        tried = [before for before in pool.map(run, range(len(faults))) if before is not None]
    print(f"{len(tried)} of {len(faults)} faults at {sum(steps[1].values())} syscalls: "
          f"{sum(tried)} before the head moved, {len(tried) - sum(tried)} after; none lost, none torn")
    assert len(tried) >= min(60, len(faults)) and 0 < sum(tried) < len(tried)
