"""The anchors of the audit bench, and what they are given: the leaves that our log has as well."""
import base64
import datetime
import hashlib
import os
import resource
import shutil
import struct
import subprocess
import sys
import time
import uuid

import rig
import place
import telecura
from golang import go
from postgres import binary

TESSERA = "github.com/transparency-dev/tessera/cmd/conformance/posix@v1.0.4"
ROWS_A_COPY = 1000
BARE_TABLE = ("CREATE TABLE bare (seq bigint PRIMARY KEY, id uuid NOT NULL, at timestamptz NOT NULL, "
              "hash bytea NOT NULL, leaf bytea NOT NULL)")
SINCE_2000_US = int(datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc).timestamp()) * 10**6


def entries(path):
    """Of a file in which each stands behind its length, as in an entry bundle."""
    with open(path, "rb") as f:
        data, at = f.read(), 0
    while at < len(data):
        length, = struct.unpack_from(">H", data, at)
        yield data[at + 2:at + 2 + length]
        at += 2 + length


# COPY: the rows of the same leaves, as bare as they can be.

def copy_prepare(leaves, folder):
    """Files in COPY's binary form, ROWS_A_COPY rows each, and a script that loads them."""
    os.mkdir(folder)
    now_us = time.time_ns() // 1000 - SINCE_2000_US
    files, rows = [], list(enumerate(entries(leaves)))
    for first in range(0, len(rows), ROWS_A_COPY):
        files.append(f"{folder}/{first}")
        with open(files[-1], "wb") as f:
            f.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for seq, leaf in rows[first:first + ROWS_A_COPY]:
                f.write(struct.pack(">hiqi16siqi32si", 5, 8, seq, 16, uuid.uuid4().bytes, 8, now_us,
                                    32, hashlib.sha256(b"\0" + leaf).digest(), len(leaf)) + leaf)
            f.write(b"\xff\xff")
    with open(f"{folder}/script", "w") as f:
        f.writelines(f"\\copy bare FROM '{path}' WITH (FORMAT binary)\n" for path in files)
    return len(rows)


def copy_run(postgres, folder, count):
    """Rows a second: one connection, a commit each ROWS_A_COPY rows."""
    postgres.execute("postgres", "DROP DATABASE IF EXISTS bare WITH (FORCE)")
    postgres.execute("postgres", "CREATE DATABASE bare")
    postgres.execute("bare", BARE_TABLE)
    postgres.execute("bare", "CHECKPOINT")
    before, began = rig.cpu_s(postgres.pid), time.monotonic()
    rig.run(binary("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", postgres.socket, "-U",
            "root_of_all", "-d", "bare", "-f", f"{folder}/script")
    took = time.monotonic() - began
    if postgres.value("bare", "SELECT count(*) FROM bare") != count:
        raise RuntimeError("COPY lost rows")
    return {"per_s": round(count / took), "pg_cpu_us": round((rig.cpu_s(postgres.pid) - before) * 1e6 / count, 1)}


# Tessera: its own POSIX server; an answer means sequenced, integrated and synced.

def tessera_binary():
    """Through the ordinary Go client, once, into the cache folder."""
    built = place.cache_folder() / "bin/posix"
    if not built.exists():
        rig.note(f"installing Tessera's POSIX server into {built.parent}")
        rig.run(go(), "install", TESSERA, timeout=1800, env={
            **os.environ, "GOTOOLCHAIN": "local", "GOBIN": str(built.parent), "GOFLAGS": "-trimpath"})
    return built


def tessera_key(name="bench.test/log"):
    """An Ed25519 note signer in the C2SP form, from a random seed."""
    private = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-outform", "DER"],
                             capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"],
                            input=private, capture_output=True, check=True).stdout[-32:]
    number = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4].hex()
    return f"PRIVATE+KEY+{name}+{number}+" + base64.b64encode(b"\x01" + private[-32:]).decode()


def tessera_prepare(leaves, path):
    with open(path, "wb") as f:
        for leaf in entries(leaves):
            request = (b"POST /add HTTP/1.1\r\nHost: bench.test\r\nContent-Type: application/octet-stream\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(leaf)) + leaf
            f.write(b"200 %d\n" % len(request) + request)


def tessera_run(httpload, requests, folder, count, connections=256):
    """Leaves a second, from the first to the signed checkpoint that has them all."""
    port = telecura.free_port()
    server = subprocess.Popen(
        [tessera_binary(), "--storage_dir", folder, "--listen", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "LOG_PRIVATE_KEY": tessera_key()})
    try:
        rig.wait_port(port, server)
        before, began = rig.cpu_s(server.pid), time.monotonic()
        rig.run(httpload, port, requests, connections, 60)
        while signed_size(f"{folder}/checkpoint") < count:
            if time.monotonic() - began > 90:
                raise RuntimeError("Tessera's checkpoint does not cover what it acknowledged")
            time.sleep(0.005)
        took = time.monotonic() - began
        return {"per_s": round(count / took), "cpu_us": round((rig.cpu_s(server.pid) - before) * 1e6 / count, 1)}
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def signed_size(checkpoint):
    try:
        with open(checkpoint) as f:
            return int(f.read().split("\n")[1])
    except (FileNotFoundError, IndexError):
        return 0


# Verifying, against hashing alone.

def cpu_of(*command):
    """CPU seconds of one process that succeeds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    rig.run(*command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def verify_ratio(audit_tree, verify, leaves, folder, count, rounds=3):
    """CPU of hashing all bundles as one file over CPU of verifying the log; A B B A."""
    vkey = rig.run(audit_tree, "make", f"{folder}/whole", count, leaves).strip()
    log = f"{folder}/whole/log"
    with open(f"{folder}/bytes", "wb") as out:
        for at, _, names in sorted(os.walk(f"{log}/tile/entries")):
            for name in sorted(names):
                with open(f"{at}/{name}", "rb") as f:
                    shutil.copyfileobj(f, out)
    raw, ours = [], []
    for _ in range(rounds):
        raw.append(cpu_of("openssl", "dgst", "-sha256", f"{folder}/bytes"))
        ours.append(cpu_of(verify, log, "--vkey", vkey))
        ours.append(cpu_of(verify, log, "--vkey", vkey))
        raw.append(cpu_of("openssl", "dgst", "-sha256", f"{folder}/bytes"))
    shutil.rmtree(log)
    return round(sum(raw) / sum(ours), 3)
