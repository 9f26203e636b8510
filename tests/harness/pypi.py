"""Others' programs from PyPI, in pinned versions, below the cache folder; each is there only when it is whole.

    python = pypi.environment("schemathesis", FOLDER / "schemathesis.txt")      # of a virtual environment
    folder = pypi.source("autobahntestsuite==25.10.1", SHA256)      # its archive, unpacked and not installed
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

sys.path.append(str(pathlib.Path(__file__).parents[2] / "deploy/local"))

import place  # noqa: E402


def environment(name, requirements):
    """Made anew when a pin has changed."""
    pins = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    return kept(f"{name}-{pins}", lambda fresh: pip(fresh, "install", "-r", requirements)) / "bin/python"


def source(package, digest):
    return kept(package.replace("==", "-"), lambda fresh: unpack(fresh, package, digest))


def kept(name, make):
    made = place.cache_folder() / name
    if not made.exists():
        fresh = pathlib.Path(f"{made}.{os.getpid()}")
        subprocess.run([sys.executable, "-m", "venv", fresh], check=True)
        make(fresh)
        try:
            fresh.rename(made)
        except OSError:     # another was first
            shutil.rmtree(fresh)
    return made


def pip(fresh, *words):
    subprocess.run([fresh / "bin/python", "-m", "pip", "-q", "--disable-pip-version-check", *words], check=True)


def unpack(fresh, package, digest):
    pip(fresh, "download", "--no-deps", "--no-binary", ":all:", "-d", fresh, package)
    (archive,) = fresh.glob("*.tar.gz")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != digest:
        raise RuntimeError(f"{package} is not what it was")
    with tarfile.open(archive) as tar:
        tar.extractall(fresh)
