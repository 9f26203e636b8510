"""preflight - everything that would make the suite fail to start, found before it is started.

All problems are told at once, each with its cause and the command that mends it.
"""
import ctypes
import dataclasses
import os
import pathlib
import shutil
import time

import packages
import suite
from place import DATA_VERSION, INNER, PORTS, RELAY_PORTS, SERVICES, SOCKET_PATH_BYTES_MAX

DISK_BYTES_MIN = 1 << 30
MEMORY_BYTES_MIN = 2 << 30      # the two JVMs need about half of it
CLOCK_SLACK_S = 300
BASE_MIN, BASE_MAX = 1024, 65535 - RELAY_PORTS[1]     # of what one may choose; below, ports are root's


@dataclasses.dataclass(frozen=True)
class Problem:
    what: str
    why: str
    fix: str

    def __str__(self):
        return f"✗ {self.what}\n    Why: {self.why}\n    Fix: {self.fix}"


def check(place, tests=None):
    return [problem for test in tests or CHECKS for problem in test(place)]


def debian(place):
    text = pathlib.Path("/etc/os-release").read_text()
    if "ID=debian" not in text or 'VERSION_ID="12"' not in text:
        yield Problem("this is not Debian 12", "versions of the parts are pinned to Debian 12's",
                      "use Debian 12, or docker compose up on anything else")


def installed(place):
    if os.geteuid() != 0:       # root's `up` installs them
        yield from missing(packages.missing(packages.TO_RUN))


def missing(absent):
    if absent:
        yield Problem(f"{len(absent)} packages are missing or too old", ", ".join(absent),
                      packages.line(absent) + "     (as root)")


def built(place):
    absent = [name for name in [*SERVICES, "topics"] if not (place.bin / name).exists()]
    if absent:
        yield Problem(f"{', '.join(absent)} not built", f"{place.bin} does not have all programs",
                      f"{place.make('up')}     (it builds them)")


def kernel():
    """What a service shuts itself in with (common/io/sandbox.h); it runs without, and says so."""
    landlock = ctypes.CDLL(None).syscall(444, None, 0, 1)      # landlock_create_ruleset: its version
    if landlock < 2:
        yield Problem("this kernel has no Landlock", "what a service may read and write, the rights of files alone say",
                      "boot Debian's kernel, or one with CONFIG_SECURITY_LANDLOCK and lsm=landlock")
    if "Seccomp:" not in pathlib.Path("/proc/self/status").read_text():
        yield Problem("this kernel has no seccomp", "a service that was taken over may call whatever it likes",
                      "boot Debian's kernel, or one with CONFIG_SECCOMP_FILTER")


def ports(place):
    held = [(f"port {place.base + offset} ({name})", holder) for offset, name, holder in busy(place)]
    if held:
        yield Problem(f"{held[0][0]} is busy" if len(held) == 1 else f"{len(held)} ports are busy",
                      "; ".join(f"{port} is held by {holder}" for port, holder in held),
                      "stop that, or choose other ports: " + place.make("up", PORTS=other_base(place.base)))


def other_base(base):
    return base + 10000 if base + 10000 <= BASE_MAX else BASE_MIN


def numbers(place):
    if not BASE_MIN <= place.base <= BASE_MAX:
        yield Problem(f"PORTS={place.base} is no number to begin at", f"the suite takes ports of the {RELAY_PORTS[1] + 1} "
                      f"from there on: {BASE_MIN} to {BASE_MAX}", place.make("up", PORTS=18000))


def wanted_ports():
    """offset -> name, of everything that listens. Of its hundred relay ports coturn leaves out a busy one."""
    wanted = {offset: name for name, offset in PORTS.items() if name not in ("redis", "keyd")}
    for name in SERVICES:
        wanted[PORTS[name] + INNER] = f"{name}, inner"
    return wanted


def busy(place):
    """(offset, name, who holds it) for each of our ports that somebody listens on."""
    wanted, held = wanted_ports(), {}
    for table, listening in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for row in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = row.split()
            port = int(fields[1].rpartition(":")[2], 16)
            if fields[3] == listening and port - place.base in wanted:
                held[port - place.base] = fields[9]
    holders = who_holds(set(held.values())) if held else {}
    for offset, inode in sorted(held.items()):
        yield offset, wanted[offset], holders.get(inode, "another user's process")


def who_holds(inodes):
    links = {f"socket:[{inode}]": inode for inode in inodes}
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            for fd in (process / "fd").iterdir():
                inode = links.get(os.readlink(fd))
                if inode:
                    name = (process / "comm").read_text().strip()
                    found[inode] = f"pid {process.name} ({name})"
        except OSError:
            continue    # it has ended, or is not ours to look into
    return found


def disk(place):
    for folder in {existing(place.run), existing(place.cache)}:
        free = shutil.disk_usage(folder).free
        if free < DISK_BYTES_MIN:
            yield Problem(f"only {free >> 20} MB are free under {folder}",
                          "data, logs and the cache of downloads need 1 GB",
                          f"df -h {folder}; free some space, or set TELECURA_CACHE elsewhere")


def memory(place):
    text = pathlib.Path("/proc/meminfo").read_text()
    available = int(text.partition("MemAvailable:")[2].split()[0]) << 10
    if available < MEMORY_BYTES_MIN:
        yield Problem(f"only {available >> 20} MB of memory are available",
                      "Kafka and Keycloak alone take 0.5 GB, and building needs more",
                      "ps aux --sort=-rss | head; close something")


def existing(path):
    while not os.path.exists(path):     # False also where we may not look
        path = path.parent
    return path


def passable(place):
    """Under root each part has its own uid, which must be able to walk to its files."""
    if os.geteuid() != 0:
        return
    for folder in (place.run, place.bin, place.cache, suite.TREE):
        for parent in [existing(folder), *existing(folder).parents]:
            if parent.is_dir() and not parent.stat().st_mode & 0o001:
                yield Problem(f"{parent} is closed to other users",
                              f"the parts run under their own uids and need to enter {folder}",
                              f"chmod o+x {parent}, or move the checkout (to /srv, say)")
                return


def writable(place):
    parent = existing(place.run)
    if not os.path.isdir(parent):
        yield Problem(f"{parent} is no folder", "all state of the suite lies there",
                      "choose a folder: make up RUN=$HOME/telecura")
    elif not os.access(parent, os.W_OK):
        yield Problem(f"{parent} cannot be written", "all state of the suite lies there",
                      "choose a folder of yours: make up RUN=$HOME/telecura")
    parent = existing(place.cache)
    if not os.access(parent, os.W_OK):
        yield Problem(f"{parent} cannot be written", "downloads are kept there",
                      "choose a folder of yours: TELECURA_CACHE=$HOME/.cache/telecura make up")


def socket_paths(place):
    longest = f"{place.run}/postgres/.s.PGSQL.{place.port('postgres')}"
    if len(longest.encode()) > SOCKET_PATH_BYTES_MAX:
        yield Problem(f"the path {place.run} is too long",
                      f"a Unix socket's path holds {SOCKET_PATH_BYTES_MAX} bytes; "
                      f"{longest} has {len(longest.encode())}",
                      "choose a shorter run folder: make up RUN=/tmp/telecura")


def owned(place):
    if os.path.exists(place.run) and place.run.stat().st_uid != os.geteuid():
        yield Problem(f"{place.run} belongs to uid {place.run.stat().st_uid}",
                      "the suite was last started by another user, whose files it cannot read",
                      "run this as that user, or (as that user) " + place.make("reset"))


def version(place):
    if place.data_version not in (None, DATA_VERSION):
        yield Problem(f"{place.run} holds data of version {place.data_version}",
                      f"this tree writes version {DATA_VERSION}",
                      place.make("reset") + "     (all demo data go)")
    try:
        major = (place.run / "postgres/data/PG_VERSION").read_text().strip()
    except OSError:
        return
    if major != "15":
        yield Problem(f"{place.run}/postgres is a cluster of PostgreSQL {major}",
                      "this suite runs PostgreSQL 15", place.make("reset") + "     (all demo data go)")


def clock(place):
    files = [place.run / "tls/ca.crt", place.run / "state.json", pathlib.Path("/etc/os-release")]
    newest = max((file.stat().st_mtime for file in files if os.path.exists(file)),
                 default=0)
    if time.time() < newest - CLOCK_SLACK_S:
        yield Problem("the clock is wrong", "files here were written in what it calls the future: "
                      f"it shows {time.strftime('%Y-%m-%d %H:%M')}", "timedatectl set-ntp true")


FIRST = [writable, owned]      # without these not even a log can be written
CHECKS = [debian, installed, passable, writable, owned, socket_paths, version, clock, disk, memory,
          numbers, ports]
