"""A throw-away certificate authority and a throw-away identity provider."""
import base64
import datetime
import ipaddress
import json
import os
import ssl
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

ISSUER = "https://idp.test/realms/telecura"
AUDIENCE = "telecura"


class Authority:
    """Certificates under one root; a service is its certificate's CN."""

    def __init__(self, folder):
        os.mkdir(folder, 0o755)
        self.folder, self.ca, self.contexts = folder, f"{folder}/ca.pem", {}
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certify("ca", "test root", self._key, [
            (x509.BasicConstraints(True, None), True), (_usage("key_cert_sign", "crl_sign"), True)])

    def leaf(self, name):
        """(certificate, key) of @name; made at first use."""
        cert, key = f"{self.folder}/{name}.pem", f"{self.folder}/{name}.key"
        if not os.path.exists(cert):
            made = ec.generate_private_key(ec.SECP256R1())
            with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
                f.write(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            names = [x509.DNSName(name), x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            self._certify(name, name, made, [
                (x509.BasicConstraints(False, None), True), (_usage("digital_signature"), True),
                (x509.ExtendedKeyUsage([Usage.SERVER_AUTH, Usage.CLIENT_AUTH]), False),
                (x509.SubjectAlternativeName(names), False)])
        return cert, key

    def _certify(self, file, name, key, extensions):
        now = datetime.datetime.utcnow()
        made = x509.CertificateBuilder(
            _named("test root"), _named(name), key.public_key(), x509.random_serial_number(), now,
            now + datetime.timedelta(days=2), [x509.Extension(e.oid, critical, e) for e, critical in extensions])
        with open(f"{self.folder}/{file}.pem", "wb") as f:
            f.write(made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def context(self, name="gateway"):
        """TLS as @name speaks it to services; one for all connections, since to make it costs as much as some."""
        if name not in self.contexts:
            made = self.contexts[name] = ssl.create_default_context(cafile=self.ca)
            made.load_cert_chain(*self.leaf(name))
        return self.contexts[name]


def _named(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _usage(*words):
    """Those and no other."""
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{word: word in words for word in every})


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Idp:
    """Signs ES256 access tokens; its JWKS is the file that services read."""

    ttl_s = 600

    def __init__(self, jwks_file, kid="test-1"):
        self.kid, self.file, self.key = kid, jwks_file, ec.generate_private_key(ec.SECP256R1())
        point = self.key.public_key().public_numbers()
        jwk = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
               "x": base64url(point.x.to_bytes(32, "big")), "y": base64url(point.y.to_bytes(32, "big"))}
        with open(jwks_file, "w") as f:
            json.dump({"keys": [jwk]}, f)

    def token(self, sub, acr=1, auth_age_s=0, ttl_s=None, **claims):
        """An access token of the subject @sub; @claims override or (None) remove."""
        now = int(time.time())
        body = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(sub), "sid": f"sid-{sub}", "acr": str(acr),
                "auth_time": now - auth_age_s, "iat": now,
                "exp": now + (self.ttl_s if ttl_s is None else ttl_s), **claims}
        return self.sign({k: v for k, v in body.items() if v is not None})

    def sign(self, body, header=None):
        header = header or {"alg": "ES256", "typ": "JWT", "kid": self.kid}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, body))
        r, s = utils.decode_dss_signature(
            self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
