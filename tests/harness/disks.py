"""Disks of a size, and full ones. Mounting needs root's rights; a test without them says so and is
skipped."""
import contextlib
import os
import pathlib
import subprocess

import pytest


@contextlib.contextmanager
def small_disk(folder, size, owner=(0, 0)):
    """A file system of that size at @folder; (uid, gid) may write there."""
    may = os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
    if not may:
        pytest.skip("a file system of its own needs root's rights to mount")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},uid={owner[0]},gid={owner[1]},mode=0750",
                    "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@contextlib.contextmanager
def filled(folder, percent=100):
    """So much of the file system of @folder is used."""
    filler = pathlib.Path(folder) / "filler"
    disk = os.statvfs(folder)
    wanted = disk.f_blocks * percent // 100 - (disk.f_blocks - disk.f_bfree)
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, wanted * disk.f_frsize)
    try:
        yield
    finally:
        filler.unlink()
