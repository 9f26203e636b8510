"""configs - renders every part's configuration into <run>/etc and makes the folders it may write.

Templates are plain files beside each part (deploy/<part>/) with $placeholders. A service's settings
are made here: `key = value` lines, cut down to those that its --describe knows, because an unknown
key is a fault there.
"""
import json
import os
import string
import subprocess

import database
import fetch
import gateway
import people
import realm
import suite
from place import RELAY_PORTS, SERVICES, TREE, WITH_DATABASE, write_file

AUDIENCE = "telecura-api"
# Of AES-GCM a JVM does 12 MB/s by C1 alone, where it does 75 of ChaCha20-Poly1305; with C2 it has the CPU's own.
CIPHERS = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")


def write_all(place):
    folders(place)
    third_parties(place)
    gateway.write(place)
    people.write_for_access(place)
    if (place.bin / "topics").exists():
        write_lines(place, "topics", None,
                    tls(place, "admin") | {"kafka": kafka(place), "partitions": 3})
    for service in SERVICES:
        if (place.bin / service).exists():
            known = settings_of(place.bin / service)
            for replica in suite.replicas(place, service):
                lines = service_settings(place, service, replica)
                write_lines(place, replica, replica,
                            {k: v for k, v in lines.items() if known is None or k in known})


def folders(place):
    for name in ("etc", "log", "tls", "keys"):
        place.folder(name)
    place.folder("secrets", mode=0o711)
    place.folder("mail", "mail", 0o750)
    place.folder("redis", "redis", 0o750)
    place.folder("turn", "turn", 0o700)
    place.folder("gateway", "gateway", 0o750)
    place.folder("kafka", "kafka", 0o700)
    for service in SERVICES:
        for replica in suite.replicas(place, service):
            place.folder(replica, replica, 0o750)
    keycloak_home(place)


def keycloak_home(place):
    """A home of links: the built distribution is shared and read-only, data are this suite's."""
    home = place.folder("keycloak", "keycloak", 0o700)
    for name in ("lib", "providers", "themes", "conf"):
        link = home / name
        if link.is_symlink() and link.resolve() != fetch.keycloak_folder(place.cache) / name:
            link.unlink()
        if not link.is_symlink():
            link.symlink_to(fetch.keycloak_folder(place.cache) / name)
    for name in ("data", "data/import", "tmp"):
        place.folder(f"keycloak/{name}", "keycloak", 0o700)
    if not (home / "imported").exists():
        realm.write(place)


def third_parties(place):
    run = place.run
    render(place, "postgres/postgresql.conf", port=place.port("postgres"), tls=run / "tls",
           socket_folder=run / "postgres", hba_file=run / "etc/pg_hba.conf")
    render(place, "postgres/pg_hba.conf")
    render(place, "kafka/server.properties", port=place.port("kafka"), tls=run / "tls",
           controller_port=place.port("kafka_controller"), data=run / "kafka/data",
           ciphers=",".join(CIPHERS if place.jit == "full" else reversed(CIPHERS)))
    render(place, "coturn/turnserver.conf", "turn", port=place.port("turn"), tls=run / "tls",
           tls_port=place.port("turn_tls"), secret=place.secret("turn"), folder=run / "turn",
           control_port=place.port("turn_control"), control_secret=place.secret("turn-control"),
           relay_min=place.base + RELAY_PORTS[0], relay_max=place.base + RELAY_PORTS[1])
    # Who is present, and nothing else: no port, no disk, and it forgets rather than grow.
    write_file(run / "etc/redis.conf", f"""port 0
unixsocket {run}/redis/redis.sock
unixsocketperm 770
dir {run}/redis
save ""
appendonly no
maxmemory 64mb
maxmemory-policy allkeys-lru
""")


def render(place, template, reader=None, **names):
    """With a @reader the result holds a secret: 0600, and that part's."""
    text = string.Template((TREE / "deploy" / template).read_text()).substitute(names)
    write_file(place.run / "etc" / os.path.basename(template), text,
               0o600 if reader else 0o644, place.owner(reader) if reader else None)


def kafka(place):
    return f"127.0.0.1:{place.port('kafka')}"


def tls(place, principal, key=None):
    folder = place.run / "tls"
    return {"tls_ca": folder / "ca.crt", "tls_cert": folder / f"{principal}.crt",
            "tls_key": folder / f"{key or principal}.key"}


def service_settings(place, service, replica):
    run = place.run
    lines = tls(place, service, replica) | {
        "listen": f"127.0.0.1:{place.port(replica)}",
        "inner": f"127.0.0.1:{place.inner_port(replica)}",
        "kafka": kafka(place),
        "keyd": f"{run}/keyd/keyd.sock",
        "idp_keys": f"{run}/keys/idp.jwks.json",
        "issuer": place.issuer,
        "audience": AUDIENCE,
        "profile": "local",
        "workers": 4,
        "run_dir": f"{run}/{replica}",
        # Who signs publishes its public keys in its own folder; all others read them there.
        "access_public": f"{run}/access/public.keys",
        "appointments_public": f"{run}/appointments/public.keys",
    }
    if service in WITH_DATABASE:
        lines["db"] = database.conninfo(place, service, service)
        lines["db_owner"] = database.conninfo(place, f"{service}_owner", service)
    return lines | EXTRAS.get(service, lambda place: {})(place)


# What one service has and the others have not.
EXTRAS = {
    "access": lambda place: {
        "signing_key": place.run / "access/signing.key",
        "bootstrap_file": place.run / "etc/first-people.json",
        "portal_dir": TREE / "clients/portal",
        "openapi": place.bin.parent / "openapi.json",
    },
    "appointments": lambda place: {"signing_key": place.run / "appointments/signing.key"},
    "prescriptions": lambda place: {
        "signing_key": place.run / "prescriptions/signing.key",
        "signing_public": place.run / "prescriptions/public.keys",
    },
    "messaging": lambda place: {"redis": place.run / "redis/redis.sock"},
    "signaling": lambda place: {
        "turn_uri": f"turn:127.0.0.1:{place.port('turn')}?transport=udp",
        "turn_secret": place.secret("turn"),
        "turn_control": f"127.0.0.1:{place.port('turn_control')}",
        "turn_control_password": place.secret("turn-control"),
    },
    "notifications": lambda place: {
        "smtp": f"127.0.0.1:{place.port('mail')}",
        "mail_from": "Telecura <no-reply@telecura.example>",
        "portal": place.gateway_url + "/",
    },
    "fhir": lambda place: {
        "patients": f"127.0.0.1:{place.port('patients')}",
        "appointments": f"127.0.0.1:{place.port('appointments')}",
        "audit": f"127.0.0.1:{place.port('audit')}",
        "base": f"{place.gateway_url}/fhir/R4",
    },
    "audit": lambda place: {
        "db_head": database.conninfo(place, "audit_head", "audit"),
        "log_dir": place.folder("audit/log", "audit", 0o750),
        "heads_dir": place.folder("audit-heads", "audit", 0o750),
        "log_key": place.run / "audit/log.key",
        "default_org": people.fixed_id("riverside"),
    },
    "keyd": lambda place: {
        "listen": place.run / "keyd/keyd.sock",
        "kek_file": place.run / "keyd/kek",
        "kek_passphrase_file": place.secret_file("keyd-passphrase", "keyd"),
    },
}


def settings_of(binary):
    """The keys that a service reads, or None if it does not say."""
    done = subprocess.run([binary, "--describe"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=10)
    try:
        return {row["key"] for row in json.loads(done.stdout)["settings"]}
    except (ValueError, KeyError, TypeError):
        return None


def write_lines(place, name, reader, lines):
    text = "".join(f"{key} = {value}\n" for key, value in lines.items())
    write_file(place.run / f"etc/{name}.conf", text, 0o600,
               place.owner(reader) if reader else None)


def write_parts_file(place):
    """<run>/parts.json: where everything answers. The seed adds its own to endpoints.json."""
    write_file(place.run / "parts.json", json.dumps({
        "gateway": place.gateway_url,
        "ca_file": str(place.ca_file),
        "issuer": place.issuer,
        "token_endpoint": f"{place.issuer}/protocol/openid-connect/token",
        "client_id": "telectl",
        "openapi": f"{place.gateway_url}/v1/openapi.json",
        "kafka": kafka(place),
        "postgres_socket": f"{place.run}/postgres/.s.PGSQL.{place.port('postgres')}",
        "redis": f"{place.run}/redis/redis.sock",
        "turn": f"turn:127.0.0.1:{place.port('turn')}?transport=udp",
        "smtp_sink": f"127.0.0.1:{place.port('mail')}",
        "mail_folder": f"{place.run}/mail",
        "run": str(place.run),
        "ports": place.base,
        "services": [{"name": replica, "inner": f"127.0.0.1:{place.inner_port(replica)}"}
                     for service in SERVICES if (place.bin / service).exists()
                     for replica in suite.replicas(place, service)],
    }, indent=2) + "\n", 0o600)
