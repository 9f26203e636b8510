"""A second implementation of the audit log, written from docs/reference/audit-log.md and the C2SP
specifications alone: it shares no line with services/audit, and agrees with it only if both are right.

    verify(folder, vkey)         the entries of an exported shard, or Damaged says what is wrong
    verify_chain(folders, vkeys) those of shards that follow each other
    included(...) extends(...)   proofs, folded up
    parse_leaf(entry)            the fields of a leaf
"""
import base64
import hashlib
import hmac
import os
import struct

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC

WIDTH = 256
ED25519, COSIGNATURE = 1, 4     # types of keys


class Damaged(Exception):
    pass


def need(true, what):
    if not true:
        raise Damaged(what)


def base64_of(text, length=None):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Damaged("not base64") from None
    need(base64.b64encode(data).decode() == text, "base64 with stray bits")
    need(length is None or len(data) == length, "of another length")
    return data


# Notes and checkpoints.

def key_of(vkey):
    """(name, id, Ed25519 key, type) of name+hash+base64."""
    name, number, key = vkey.split("+", 2)
    data = base64_of(key, 33)
    need(data[0] in (ED25519, COSIGNATURE), "not an Ed25519 key")
    need(hashlib.sha256(name.encode() + b"\n" + data).digest()[:4].hex() == number, "a key of another name")
    return name, bytes.fromhex(number), Ed25519PublicKey.from_public_bytes(data[1:]), data[0]


def signed(line, keys):
    """(key, when, signature) of one line; a witness signs a time with the text."""
    need(line.startswith("— ") and line.count(" ") == 2, "not a signature line")
    name, data = line.split(" ")[1], base64_of(line.split(" ")[2])
    known = [key for key in keys if key[:2] == (name, data[:4])]
    need(known, f"{name} cannot be checked")
    time = data[4:-64] if known[0][3] == COSIGNATURE else b""
    need(len(data) == 4 + (8 if known[0][3] == COSIGNATURE else 0) + 64, "of another length")
    return known[0], time, data[-64:]


def open_note(note, vkey, witnesses=()):
    """Its text, without the last newline; the note is signed once by @vkey, by each witness, by nobody else."""
    keys = [key_of(each) for each in (vkey, *witnesses)]
    need(keys[0][3] == ED25519, "a witness's key")
    try:
        text = note.decode()
    except UnicodeDecodeError:
        raise Damaged("not a text") from None
    need("\n\n" in text and text.endswith("\n"), "not a note")
    text, _, signatures = text.rpartition("\n\n")
    found = []
    for line in signatures.removesuffix("\n").split("\n"):
        key, time, signature = signed(line, keys)
        when = f"cosignature/v1\ntime {int.from_bytes(time)}\n" if time else ""
        try:
            key[2].verify(signature, f"{when}{text}\n".encode())
        except InvalidSignature:
            raise Damaged("the signature is wrong") from None
        found.append(key[:2])
    need(found.count(keys[0][:2]) == 1, "not signed once, by this key")
    need({key[:2] for key in keys} == set(found), "a witness has not signed it")
    return text


def open_checkpoint(note, vkey, witnesses=()):
    """(size, root)."""
    origin, size, root = need_lines(open_note(note, vkey, witnesses), 3)
    need(origin == key_of(vkey)[0], "the origin is not the key's name")
    need(size.isdecimal() and size == str(int(size)), "not a size")
    return int(size), base64_of(root, 32)


def need_lines(text, count):
    lines = text.split("\n")
    need(len(lines) == count, f"{len(lines)} lines where {count} belong")
    return lines


# The tree: RFC 6962, 2.1, by its definition.

def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def split(n):
    """The largest power of two below @n."""
    return 1 << (n - 1).bit_length() - 1


def root_of(hashes):
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return node(root_of(hashes[:k]), root_of(hashes[k:]))


def inclusion(hashes, index):
    """PATH(m, D[n])."""
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    if index < k:
        return inclusion(hashes[:k], index) + [root_of(hashes[k:])]
    return inclusion(hashes[k:], index - k) + [root_of(hashes[:k])]


def consistency(hashes, old, whole=True):
    """SUBPROOF(m, D[n], b)."""
    if old in (0, len(hashes)):
        return [] if whole or not old else [root_of(hashes)]
    k = split(len(hashes))
    if old <= k:
        return consistency(hashes[:k], old, whole) + [root_of(hashes[k:])]
    return consistency(hashes[k:], old - k, False) + [root_of(hashes[:k])]


def included(leaf, index, size, proof):
    """The root that the proof leads to."""
    need(0 <= index < size, "no such entry")
    if size == 1:
        need(not proof, "the proof is too long")
        return leaf
    need(proof, "the proof is too short")
    k = split(size)
    if index < k:
        return node(included(leaf, index, k, proof[:-1]), proof[-1])
    return node(proof[-1], included(leaf, index - k, size - k, proof[:-1]))


def extends(old, old_root, size, proof):
    """The root of the tree of @size that begins with that of @old."""
    def fold(old, size, proof, whole):
        if old == size:
            if whole:
                need(not proof, "the proof is too long")
                return old_root, old_root
            need(len(proof) == 1, "the proof is of another length")
            return proof[0], proof[0]
        need(proof, "the proof is too short")
        k = split(size)
        if old <= k:
            was, now = fold(old, k, proof[:-1], whole)
            return was, node(now, proof[-1])
        was, now = fold(old - k, size - k, proof[:-1], False)
        return node(proof[-1], was), node(proof[-1], now)
    need(0 < old <= size, "no such tree")
    was, now = fold(old, size, proof, True)
    need(was == old_root, "the proof is of another old tree")
    return now


# The folder: tlog-tiles.

def path_of(level, n, width):
    groups = [f"{n % 1000:03d}"]
    while n >= 1000:
        n //= 1000
        groups.insert(0, f"x{n % 1000:03d}")
    return f"tile/{level}/" + "/".join(groups) + (f".p/{width}" if width < WIDTH else "")


def files_of(size):
    """{path: (level, n, width)} of all that a tree of @size has."""
    found = {path_of("entries", n, min(WIDTH, size - n * WIDTH)): ("entries", n, min(WIDTH, size - n * WIDTH))
             for n in range((size + WIDTH - 1) // WIDTH)}
    level, hashes = 0, size
    while hashes:
        for n in range((hashes + WIDTH - 1) // WIDTH):
            width = min(WIDTH, hashes - n * WIDTH)
            found[path_of(level, n, width)] = (level, n, width)
        level, hashes = level + 1, hashes // WIDTH
    return found


def cut_bundle(data, width):
    entries = []
    for _ in range(width):
        need(len(data) >= 2, "the bundle ends early")
        length, = struct.unpack_from(">H", data)
        need(len(data) >= 2 + length, "the bundle ends early")
        entries.append(data[2:2 + length])
        data = data[2 + length:]
    need(not data, "the bundle is longer than its entries")
    return entries


def verify(folder, vkey, strict=True, kept=None, witnesses=()):
    """All files belong to the signed tree, byte for byte; its entries. Strict: no other file is there.
    @kept: a checkpoint of the same shard, whose entries are the first of these."""
    read = {}
    for at, _, names in os.walk(folder):
        for name in names:
            with open(f"{at}/{name}", "rb") as f:
                read[os.path.relpath(f"{at}/{name}", folder)] = f.read()
    need("checkpoint" in read, "no checkpoint")
    size, root = open_checkpoint(read.pop("checkpoint"), vkey, witnesses)
    files = files_of(size)
    if not strict:
        read = {path: data for path, data in read.items() if path in files}
    need(read.keys() == files.keys(), f"missing or strange: {sorted(read.keys() ^ files.keys())}")
    entries = []
    for path, (level, n, width) in files.items():
        if level == "entries":
            entries += cut_bundle(read[path], width)
    level = [leaf_hash(entry) for entry in entries]
    need(root_of(level) == root, "the entries do not hash up to the signed root")
    if kept is not None:
        then, then_root = open_checkpoint(kept, vkey)
        need(then <= size, f"{size} entries where there were {then}: the end is missing")
        need(root_of(level[:then]) == then_root, "the first entries are not those that were kept")
    for path, (number, n, width) in files.items():
        if number != "entries":
            hashes = [root_of(level[i << 8 * number:(i + 1) << 8 * number])
                      for i in range(n * WIDTH, n * WIDTH + width)]
            need(read[path] == b"".join(hashes), f"{path} is not of this tree")
    return entries


def verify_chain(folders, vkeys, strict=True):
    """The entries of each shard; each but the first begins with the last tree of the one before."""
    shards = [verify(folder, vkey, strict) for folder, vkey in zip(folders, vkeys, strict=True)]
    for number, (folder, vkey) in enumerate(zip(folders[:-1], vkeys)):
        with open(f"{folder}/checkpoint", "rb") as f:
            last = open_checkpoint(f.read(), vkey)
        need(open_checkpoint(linked(shards[number + 1][0]), vkey) == last, "the link names another tree")
    return shards


# Leaves.

def parse_leaf(entry):
    """The fields of docs/reference/audit-log.md."""
    data, at = entry, 0

    def take(n):
        nonlocal at
        need(at + n <= len(data), "the leaf ends early")
        at += n
        return data[at - n:at]

    need(take(1) == b"\1", "another version")
    leaf = {"log": take(take(1)[0]).decode(), "producer": take(take(1)[0]).decode()}
    leaf["seq"], leaf["time_ms"], leaf["class"] = struct.unpack(">QQB", take(17))
    leaf["dek_id"], leaf["commitment"], leaf["aad"] = take(16), take(32), data[:at]
    leaf["sealed"] = take(struct.unpack(">H", take(2))[0])
    need(at == len(data), "something follows the leaf")
    return leaf


def open_leaf(leaf, key):
    """The packed body; the key must be the one that the leaf is committed to."""
    committed = hmac.new(key, b"telecura audit leaf v1" + leaf["dek_id"], hashlib.sha256).digest()
    need(committed == leaf["commitment"], "not the key that the leaf is committed to")
    nonce, sealed, subkey = leaf["sealed"][:24], leaf["sealed"][24:], b""
    for counter in (1, 2):      # c2sp.org/XAES-256-GCM
        mac = CMAC(algorithms.AES(key))
        mac.update(bytes([0, counter]) + b"X\0" + nonce[:12])
        subkey += mac.finalize()
    try:
        return AESGCM(subkey).decrypt(nonce[12:], sealed, leaf["aad"])
    except InvalidTag:
        raise Damaged("the leaf does not open") from None


def linked(entry):
    """The signed checkpoint in the first entry of a shard."""
    leaf = parse_leaf(entry)
    need((leaf["producer"], leaf["seq"], leaf["class"]) == ("audit", 0, 3), "not a link")
    need(leaf["dek_id"] + leaf["commitment"] == bytes(48), "a link with a key")
    return leaf["sealed"]


def shard_id(shard):
    """What stands for a patient in the name of a half year's key."""
    return hashlib.sha256(b"shard:" + shard.encode()).digest()[:16]
