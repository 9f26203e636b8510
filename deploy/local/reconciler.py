"""reconciler - the suite's settings for clients/audit-reconcile, and its run.

It reads every database as the role `reconcile`, which may only read, and opens the log with keys that
keyd gives to its certificate, on record.
"""
import json
import subprocess

import database
from place import TREE, WITH_DATABASE, write_file

PYTHON = "/usr/bin/python3"


def write_settings(place):
    run, tls = place.run, place.run / "tls"
    file = run / "etc/reconcile.json"
    reader = {"host": f"{run}/postgres", "port": place.port("postgres"), "user": database.READER,
              "password": place.secret(f"db-{database.READER}")}
    write_file(file, json.dumps({
        "logs": f"{run}/audit/log",
        "export": f"{place.bin}/audit-export", "verify": f"{place.bin}/audit-verify",
        "gateway_logs": [f"{run}/log/gateway.log.1", f"{run}/log/gateway.log"],
        "databases": {name: {**reader, "dbname": name} for name in WITH_DATABASE},
        "keyd": {"socket": f"{run}/keyd/keyd.sock", "ca": str(place.ca_file),
                 "cert": f"{tls}/reconcile.crt", "key": f"{tls}/reconcile.key"},
        "openapi": str(place.bin.parent / "openapi.json"),
    }, indent=2) + "\n", 0o600)
    return file


def run(place, since=None):
    """The finished process: what it found is on its standard output."""
    words = [PYTHON, f"{TREE}/clients/audit-reconcile/reconcile.py", write_settings(place)]
    return subprocess.run(words + (["--from", since] if since else []), capture_output=True, text=True)
