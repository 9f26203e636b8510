"""A throw-away certificate authority and a throw-away identity provider."""
import base64
import json
import os
import subprocess
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

ISSUER = "https://idp.test/realms/telecura"
AUDIENCE = "telecura"


def _openssl(*words, cwd):
    done = subprocess.run(["openssl", *words], cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr.strip()}")


class Authority:
    """Certificates under one root; a service is its certificate's CN."""

    def __init__(self, folder):
        os.mkdir(folder, 0o755)
        self.folder, self.ca = folder, f"{folder}/ca.pem"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test root",
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign", cwd=folder)

    def leaf(self, name):
        """(certificate, key) of @name; made at first use."""
        cert, key = f"{self.folder}/{name}.pem", f"{self.folder}/{name}.key"
        if not os.path.exists(cert):
            with open(f"{self.folder}/{name}.ext", "w") as f:
                f.write("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                        "extendedKeyUsage=serverAuth,clientAuth\n"
                        f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1\n")
            _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", key, "-out", f"{name}.csr", "-subj", f"/CN={name}", cwd=self.folder)
            _openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                     "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", cert,
                     cwd=self.folder)
        return cert, key


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
