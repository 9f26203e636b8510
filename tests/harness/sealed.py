"""Seals a message as a service would: a second implementation of common/app/act_seal.c.

    blob = seal(suite, "patients", ORG, patient, ALLERGY, row, message((1, "system"), (2, "code")))
"""
import base64
import http.client
import json
import os
import socket
import ssl
import uuid

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC

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
    tls = ssl.create_default_context(cafile=suite.authority.ca)
    tls.load_cert_chain(*suite.authority.leaf(service))
    plain = socket.socket(socket.AF_UNIX)
    plain.settimeout(20)
    plain.connect(f"{suite.folder}/keyd.sock")
    connection = http.client.HTTPConnection("localhost")
    connection.sock = tls.wrap_socket(plain, server_hostname="localhost")
    connection.request("POST", "/v1/keys/seal",
                       json.dumps({"org": org, "patient": patient, "domain": domain}),
                       {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    assert response.status == 200, answer
    return answer["dek_id"], _base64url(answer["key"])


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


def _base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
