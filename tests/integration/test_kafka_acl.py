"""Kafka as a service sees it: its certificate opens its own topics and nothing else.

Runs the suite's own Kafka and bin/topics on ports of its own. Say where the programs are:

    TELECURA_BIN=build/debug/bin pytest tests/integration/test_kafka_acl.py
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("TELECURA_BIN", TREE / "build/debug/bin")).resolve()
PORTS = os.environ.get("TELECURA_TEST_PORTS", "27400")
ROW = re.compile(r'^TOPIC\(\w+, "([^"]+)", \w+, (\w+), (\d+), "([^"]*)", "([^"]*)"\)', re.M)


class Kafka:
    def __init__(self, run):
        self.run = run
        self.settings = dict(line.split(" = ", 1) for line in
                             (run / "etc/topics.conf").read_text().splitlines() if " = " in line)

    def topics(self):
        return subprocess.run([BIN / "topics", "--config", self.run / "etc/topics.conf"],
                              capture_output=True, text=True, timeout=60)

    def kcat(self, who, *words, text=""):
        tls = self.run / "tls"
        return subprocess.run(
            ["kcat", "-b", self.settings["kafka"], "-X", "security.protocol=ssl",
             "-X", f"ssl.ca.location={tls}/ca.crt", "-X", f"ssl.certificate.location={tls}/{who}.crt",
             "-X", f"ssl.key.location={tls}/{who}.key", "-X", "topic.metadata.refresh.interval.ms=500",
             *words], input=text, capture_output=True, text=True, timeout=60)

    def produce(self, who, topic):
        return self.kcat(who, "-P", "-t", topic, "-K:", "-X", "message.timeout.ms=8000",
                         text="key:x\n")

    def read(self, who, topic):
        return self.kcat(who, "-C", "-e", "-o", "beginning", "-t", topic)

    def join(self, who, group, topic):
        return self.kcat(who, "-G", group, "-e", "-X", "session.timeout.ms=6000", topic)


@pytest.fixture(scope="module")
def kafka():
    run = pathlib.Path(tempfile.mkdtemp(prefix="tc-acl-", dir="/tmp"))
    run.chmod(0o755)            # parts run under numbers of their own
    up = [sys.executable, str(TREE / "deploy/local/up.py"), "--run", str(run), "--ports", PORTS,
          "--bin", str(BIN)]
    try:
        subprocess.run([*up, "up", "kafka", "topics"], check=True, timeout=240)
        yield Kafka(run)
    finally:
        subprocess.run([*up, "down"], check=True, timeout=60)
    shutil.rmtree(run)


def rows():
    found = ROW.findall((TREE / "proto/topics.def").read_text())
    assert len(found) >= 14
    return found


def test_every_row_is_a_topic(kafka):
    listed = kafka.kcat("admin", "-L").stdout
    for name, _, partitions, _, _ in rows():
        assert f'topic "{name}" with {int(partitions) or 3} partitions' in listed


def test_made_once(kafka):
    again = kafka.topics()
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"0 made, {len(rows())} were there" in again.stdout
    assert "drift" not in again.stdout


def test_producers_and_nobody_else(kafka):
    assert kafka.produce("appointments", "appointments.visits.v1").returncode == 0
    refused = kafka.produce("billing", "appointments.visits.v1")
    assert refused.returncode != 0
    assert "authorization failed" in (refused.stdout + refused.stderr).lower()


def test_consumers_and_nobody_else(kafka):
    kafka.produce("appointments", "appointments.visits.v1")
    assert "x" in kafka.read("billing", "appointments.visits.v1").stdout
    refused = kafka.read("patients", "appointments.visits.v1")
    assert "x" not in refused.stdout.split()
    assert "authorization failed" in (refused.stdout + refused.stderr).lower()


@pytest.mark.parametrize("who", ["access", "billing", "keyd"])
def test_everyone_writes_audit_and_only_audit_reads(kafka, who):
    assert kafka.produce(who, "audit.events.v1").returncode == 0
    assert "authorization failed" in kafka.read(who, "audit.events.v1").stderr.lower()
    assert "x" in kafka.read("audit", "audit.events.v1").stdout


def test_a_group_is_its_service(kafka):
    refused = kafka.join("billing", "notifications", "appointments.visits.v1")
    assert "group authorization failed" in (refused.stdout + refused.stderr).lower()


def test_drift_is_told(kafka):
    """What differs is named and left alone, and the tool fails."""
    settings = (kafka.run / "etc/topics.conf").read_text()
    other = kafka.run / "etc/other.conf"
    other.write_text(re.sub(r"partitions = \d+", "partitions = 5", settings))
    drift = subprocess.run([BIN / "topics", "--config", other], capture_output=True, text=True,
                           timeout=60)
    assert drift.returncode == 1
    assert "drift: appointments.visits.v1: partitions is 3, not 5" in drift.stdout


def test_no_certificate_no_entry(kafka):
    tls = kafka.run / "tls"
    stranger = subprocess.run(
        ["kcat", "-L", "-m", "5", "-b", kafka.settings["kafka"], "-X", "security.protocol=ssl",
         "-X", f"ssl.ca.location={tls}/ca.crt"], capture_output=True, text=True, timeout=60)
    assert stranger.returncode != 0
    assert "topic" not in stranger.stdout
