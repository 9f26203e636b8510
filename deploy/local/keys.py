"""keys - what the gateway and the services need to check the identity provider's tokens.

Reads the realm's JWKS and writes <run>/keys/idp.jwks.json (services) and two PEM slots for HAProxy:
the newest ES256 key, and the one before it, so that a rotation breaks no session.
"""
import base64
import json
import ssl
import urllib.request

from place import write_file

# SubjectPublicKeyInfo of a P-256 key up to the point (RFC 5480), then 04 || x || y.
P256_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + b"\x04"
SLOTS = ("idp-1.pem", "idp-2.pem")


def sync(place):
    """Returns whether anything changed; the gateway has then to be reloaded."""
    with urllib.request.urlopen(
            f"{place.keycloak_url}/realms/telecura/protocol/openid-connect/certs", timeout=5,
            context=ssl.create_default_context(cafile=place.ca_file)) as answer:
        published = json.load(answer)["keys"]
    signing = [key for key in published if key.get("alg") == "ES256" and key.get("use") == "sig"]
    if not signing:
        raise RuntimeError("the realm publishes no ES256 key")
    folder = place.folder("keys")
    file = folder / "idp.jwks.json"
    text = json.dumps({"keys": signing}, indent=2) + "\n"
    if file.exists() and file.read_text() == text and all((folder / s).exists() for s in SLOTS):
        return False
    for slot, key in zip(SLOTS, (signing * 2)[:2]):
        write_file(folder / slot, pem(key))
    write_file(file, text)
    return True


def prepare(place):
    """Before the first sync: an empty list, so that services find their file and trust nobody."""
    file = place.folder("keys") / "idp.jwks.json"
    if not file.exists():
        write_file(file, '{"keys": []}\n')


def pem(jwk):
    der = P256_HEAD + unpad(jwk["x"]) + unpad(jwk["y"])
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[i:i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"


def unpad(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
