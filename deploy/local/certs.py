"""certs - the suite's own CA and one P-256 leaf per principal.

A principal is its certificate: the subject is CN=<name> and nothing else, because Kafka, keyd and
the services read the name from there. Keys are PKCS#8, which all parts can read.
"""
import os
import subprocess
import time

from place import write_file

LEAF_DAYS = 397
RENEW_AFTER_DAYS = 300

# principal -> the part whose uid may read the key (None: the caller alone)
PRINCIPALS = {
    "broker": "kafka", "admin": None, "gateway": "gateway", "postgres": "postgres", "turn": "turn",
    "access": "access", "patients": "patients", "appointments": "appointments",
    "signaling": "signaling", "messaging": "messaging", "prescriptions": "prescriptions",
    "notifications": "notifications", "billing": "billing", "fhir": "fhir", "audit": "audit",
    "keyd": "keyd", "keycloak": "keycloak", "reconcile": None,
}


def openssl(*words, text=None):
    done = subprocess.run(["openssl", *words], input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr.strip()}")
    return done.stdout


def make_all(place):
    tls = place.folder("tls")
    if not (tls / "ca.crt").exists():
        make_ca(tls)
    for name, reader in PRINCIPALS.items():
        leaf = tls / f"{name}.crt"
        if not leaf.exists() or age_days(leaf) > RENEW_AFTER_DAYS:
            make_leaf(place, tls, name, reader)
    for name in ("signaling", "messaging"):   # a second replica is the same principal, other uid
        if name in place.replicas:
            copy_key(place, tls, name)


def age_days(path):
    return (time.time() - path.stat().st_mtime) / 86400


def make_ca(tls):
    key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    write_file(tls / "ca.key", key, 0o600)
    write_file(tls / "ca.crt", openssl(
        "req", "-x509", "-new", "-key", str(tls / "ca.key"), "-sha256", "-days", "3650",
        "-subj", "/CN=Telecura local CA", "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign"))


def make_leaf(place, tls, name, reader):
    owner = place.owner(reader) if reader else None
    key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    write_file(tls / f"{name}.key", key, 0o600, owner)
    extensions = tls / f"{name}.ext"
    extensions.write_text(f"subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:{name}\n"
                          "extendedKeyUsage=serverAuth,clientAuth\n"
                          "keyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n")
    request = openssl("req", "-new", "-key", str(tls / f"{name}.key"), "-subj", f"/CN={name}")
    leaf = openssl("x509", "-req", "-sha256", "-days", str(LEAF_DAYS), "-CA", str(tls / "ca.crt"),
                   "-CAkey", str(tls / "ca.key"), "-extfile", str(extensions), text=request)
    os.unlink(extensions)
    # HAProxy and Kafka want key and chain in one file.
    write_file(tls / f"{name}.pem", key + leaf + (tls / "ca.crt").read_text(), 0o600, owner)
    write_file(tls / f"{name}.crt", leaf)


def copy_key(place, tls, name):
    write_file(tls / f"{name}-2.key", (tls / f"{name}.key").read_text(), 0o600,
               place.owner(f"{name}-2"))
