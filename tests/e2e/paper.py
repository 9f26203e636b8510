"""The auditor's own arithmetic on an exported log: RFC 6962 hashes over C2SP tlog-tiles files.

Written from the standards and docs/reference/audit-log.md alone, so that it agrees with the suite
only if both are right.
"""
import base64
import hashlib
import pathlib
import struct

WIDTH = 256     # leaves in a bundle


class Unproven(Exception):
    pass


def read_export(folder):
    """Every leaf of the log, in order."""
    leaves = []
    folder = pathlib.Path(folder)
    size = int((folder / "checkpoint").read_text().split("\n")[1])
    while len(leaves) < size:
        n = len(leaves) // WIDTH
        width = min(WIDTH, size - n * WIDTH)
        data = (folder / bundle_path(n, width)).read_bytes()
        while data:
            length, = struct.unpack_from(">H", data)
            leaves.append(data[2:2 + length])
            data = data[2 + length:]
    return leaves


def bundle_path(n, width):
    digits = [f"{n % 1000:03d}"]
    while n >= 1000:
        n //= 1000
        digits.insert(0, f"x{n % 1000:03d}")
    return "tile/entries/" + "/".join(digits) + (f".p/{width}" if width < WIDTH else "")


def proven(proof, leaf):
    """The index at which a tlog-proof shows @leaf to stand in its checkpoint's tree."""
    head, checkpoint = proof.split("\n\n", 1)
    lines = head.split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1" or base64.b64decode(lines[1].removeprefix("extra ")) != leaf:
        raise Unproven("not a proof of this leaf")
    index = int(lines[2].removeprefix("index "))
    _, size, root = checkpoint.split("\n")[:3]
    path = [base64.b64decode(line) for line in lines[3:]]
    if root_by(leaf, index, int(size), path) != base64.b64decode(root):
        raise Unproven(f"leaf {index} is not in the tree of the checkpoint")
    return index


def root_by(leaf, index, size, path):
    """RFC 9162, 2.1.3.2."""
    node, last = hashlib.sha256(b"\0" + leaf).digest(), size - 1
    for sibling in path:
        if last == 0:
            raise Unproven("the proof is too long")
        if index & 1 or index == last:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        index, last = index >> 1, last >> 1
    if last:
        raise Unproven("the proof is too short")
    return node
