"""packages - what Debian 12 has to provide, and how it is installed.

Root installs what is missing; anybody else is shown the one line to run. Debian would start the
daemons on their default ports at once; a policy file keeps them quiet while we install, and the
system's own instances are never touched.
"""
import os
import pathlib
import subprocess

TO_RUN = ["postgresql-15", "redis-server", "haproxy", "coturn", "openjdk-17-jre-headless", "maven",
          "openssl", "python3-aiosmtpd", "librdkafka1", "libpq5", "libevent-2.1-7",
          "libevent-openssl-2.1-7", "libevent-pthreads-2.1-7", "libhiredis0.14", "libprotobuf-c1",
          "libwslay1", "libargon2-1", "libcurl4", "libseccomp2"]
TO_BUILD = ["build-essential", "pkg-config", "librdkafka-dev", "libpq-dev", "libevent-dev",
            "libssl-dev", "libprotobuf-c-dev", "protobuf-c-compiler", "protobuf-compiler",
            "libhiredis-dev", "libwslay-dev", "libargon2-dev", "libcmocka-dev",
            "libcurl4-openssl-dev", "libseccomp-dev"]
TO_TEST = ["python3-pytest", "python3-cryptography", "strace", "kcat", "clang",
           "libclang-rt-14-dev", "docker-compose",
           "golang-go", "golang-golang-x-mod-dev", "python3-venv", "chromium", "chromium-driver",
           "python3-selenium", "git", "testssl.sh"]
# Before it a GiST scan that is begun again, after a page was split, marks entries of rows that live as
# dead: an exclusion constraint then lets two visits overlap (tests/integration/test_gist.py).
AT_LEAST = {"postgresql-15": "15.20"}
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")


class Failed(Exception):
    pass


def missing(names=None):
    """Those that are not there, or are too old."""
    names = names or TO_RUN
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Abbrev}\n", *names],
                          capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    have = {row[0]: row[1] for row in rows if row[2:3] == ["ii"]}
    return [name for name in names if name not in have or older(have[name], AT_LEAST.get(name))]


def older(version, wanted):
    return wanted and subprocess.run(["dpkg", "--compare-versions", version, "lt", wanted],
                                     stderr=subprocess.DEVNULL).returncode == 0


def line(names):
    return "apt-get install -y --no-install-recommends " + " ".join(names)


def install(names, log):
    """Root only. Raises Failed with apt's last words."""
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        with open(log, "a") as out:
            for command in (["update"], ["install", "-y", "--no-install-recommends", *names]):
                done = subprocess.run(
                    ["apt-get", "-o", "DPkg::Lock::Timeout=300", *command], stdout=out, stderr=out,
                    stdin=subprocess.DEVNULL, env=environment)
        if done.returncode:
            last = pathlib.Path(log).read_text().splitlines()[-1:]
            raise Failed(f"it said: {' '.join(last)}; all of it: {log}")
    finally:
        if ours:
            POLICY.unlink()
