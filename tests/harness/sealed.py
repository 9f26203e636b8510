"""Seals a message as a service would: a second implementation of common/app/act_seal.c.

    blob = seal(suite, "patients", ORG, patient, ALLERGY, row, message((1, "system"), (2, "code")))
"""
import os
import uuid

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC
from memory import base64url
from peer import Peer

ALLERGY = (5, "chart")  # kind and domain, as common/app/kinds.def has them


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out + bytes([n]))


def message(*fields):
    """A protobuf message of (number, value); ints are varints, texts and bytes are delimited."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def uuid_bytes(text):
    return uuid.UUID(text).bytes


def key_to_seal(suite, service, org, patient, domain):
    reply = Peer(suite, service).seal(domain, patient, org)
    assert reply.status == 200, reply
    return reply.json["dek_id"], base64url(reply.json["key"])


def seal(suite, service, org, patient, kind, row, plain, version=1):
    number, domain = kind
    dek, key = key_to_seal(suite, service, org, patient, domain)
    bound = message((1, uuid_bytes(org)), (2, uuid_bytes(patient)), (3, number),
                    (4, uuid_bytes(row)), (5, version), (6, uuid_bytes(dek)))
    return bound + message((7, xaes_seal(key, bound, plain)))


def xaes_seal(key, aad, plain):
    """c2sp.org/XAES-256-GCM: nonce, ciphertext, tag."""
    nonce = os.urandom(24)
    subkey = b""
    for counter in (1, 2):
        mac = CMAC(algorithms.AES(key))
        mac.update(bytes([0, counter]) + b"X\0" + nonce[:12])
        subkey += mac.finalize()
    return nonce + AESGCM(subkey).encrypt(nonce[12:], plain, aad)
