"""What is in a process's memory, as root sees it, and which keys are looked for in it.

    assert found(memory(pid), secrets) == []

Memory that no core holds (MADV_DONTDUMP) is left out unless it is asked for: keys live there.
"""
import base64
import ctypes
import itertools
import struct
import uuid

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC

PAGE = 4096
RESERVED = 1 << 36      # a sanitizer's shadow, which says where memory is, and not what is in it
ARGON_PASSES, ARGON_KIB, ARGON_LANES = 3, 64 * 1024, 2      # services/keyd/kek_file.c


def regions(pid):
    """(address, bytes, path, left out of cores) of what can be written."""
    head = None
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            words = line.split()
            if "-" in words[0] and not words[0].endswith(":"):
                begin, end = (int(part, 16) for part in words[0].split("-"))
                head = begin, end - begin, words[5] if len(words) > 5 else "", words[1]
            elif words[0] == "VmFlags:" and "w" in head[3] and head[2] not in ("[vvar]", "[vsyscall]"):
                yield *head[:3], "dd" in words


def memory(pid, undumped=False):
    """{where: bytes}; a region that went away meanwhile held nothing."""
    return contents(pid, (region[:3] for region in regions(pid) if undumped or not region[3]))


def locked(pid):
    """Only what no core holds."""
    return contents(pid, (region[:3] for region in regions(pid) if region[3]))


def contents(pid, wanted):
    held = {}
    with open(f"/proc/{pid}/mem", "rb", 0) as mem, open(f"/proc/{pid}/pagemap", "rb", 0) as pages:
        for begin, size, path in wanted:
            if size > RESERVED:
                continue
            for at, n in touched(pages, begin, size):
                mem.seek(at)
                try:
                    held[f"{at:x} {path or f'of {size >> 10} KiB'}"] = mem.read(n)
                except OSError:
                    continue
    return held


def touched(pages, begin, size):
    """(address, bytes) of runs of pages that are there: most of a stack never is."""
    pages.seek(begin // PAGE * 8)
    there = [word >> 62 != 0 for (word,) in struct.iter_unpack("=Q", pages.read(size // PAGE * 8))]
    at = 0
    for is_there, run in itertools.groupby(there):
        n = len(list(run))
        if is_there:
            yield begin + at * PAGE, n * PAGE
        at += n


def found(held, secrets):
    """(where, which) of each of @secrets, {which: bytes}."""
    return [(f"{where} +{data.index(secret):x}", which) for where, data in held.items()
            for which, secret in secrets.items() if secret in data]


# ---- keys, as the provider and keyd wrap them: a second implementation ----

def xaes_open(key, aad, sealed):
    nonce, subkey = sealed[:24], b""
    for counter in (1, 2):
        mac = CMAC(algorithms.AES(key))
        mac.update(bytes([0, counter]) + b"X\0" + nonce[:12])
        subkey += mac.finalize()
    return AESGCM(subkey).decrypt(nonce[12:], sealed[24:], aad)


def base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def argon2id(passphrase, salt):
    argon, out = ctypes.CDLL("libargon2.so.1"), ctypes.create_string_buffer(32)
    size = ctypes.c_size_t
    assert argon.argon2id_hash_raw(ARGON_PASSES, ARGON_KIB, ARGON_LANES, passphrase, size(len(passphrase)),
                                   salt, size(len(salt)), out, size(len(out))) == 0
    return out.raw


def keks(file, passphrase):
    """{version: key} of a sealed file."""
    keys = {}
    with open(file) as lines:
        for line in lines:
            head, salt, sealed = line.rsplit(maxsplit=2)
            version = int(head.split()[1]) if " " in head else 1
            keys[version] = xaes_open(argon2id(passphrase, base64url(salt)), head.encode(), base64url(sealed))
    return keys


def dek(kek, org, patient, row, domain, wrapped):
    return xaes_open(kek, b"".join(uuid.UUID(part).bytes for part in (org, patient, row)) + domain.encode(), wrapped)


def text_of(key):
    """As keyd's answers have it; its last digit is not whole bits of the key."""
    return base64.urlsafe_b64encode(key)[:42]
