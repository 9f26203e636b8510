"""PASETO v4.public, a second implementation: the passes of appointments, the grants of access."""
import base64
import hashlib
import json
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

HEADER = b"v4.public."


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _signed(payload, footer, purpose):
    pieces = (HEADER, payload, footer, purpose)
    return struct.pack("<Q", len(pieces)) + b"".join(struct.pack("<Q", len(p)) + p for p in pieces)


class Signer:
    def __init__(self):
        self.key = Ed25519PrivateKey.generate()
        public = self.key.public_key().public_bytes(serialization.Encoding.Raw,
                                                    serialization.PublicFormat.Raw)
        self.kid = encode(hashlib.sha256(public).digest()[:8])
        self.line = f"{self.kid} {encode(public)}\n"

    def sign(self, claims, purpose):
        payload, footer = json.dumps(claims).encode(), self.kid.encode()
        signature = self.key.sign(_signed(payload, footer, purpose.encode()))
        return HEADER.decode() + encode(payload + signature) + "." + encode(footer)


def verify(token, public_file, purpose):
    """The claims of @token, or None."""
    _, _, body, footer = token.split(".")
    raw, kid = decode(body), decode(footer)
    for line in open(public_file):
        name, key = line.split()
        if name.encode() == kid:
            try:
                Ed25519PublicKey.from_public_bytes(decode(key)).verify(
                    raw[-64:], _signed(raw[:-64], kid, purpose.encode()))
            except InvalidSignature:
                return None
            return json.loads(raw[:-64])
    return None
