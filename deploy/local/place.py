"""place - where one installation of the suite stands: its folders, ports and users.

Everything that a suite writes lies under its run folder; two suites with different run folders
and port bases know nothing of each other. What was chosen at the first `up` is kept in
<run>/install.json, so that every later command needs only the run folder.
"""
import json
import os
import pathlib
import pwd
import secrets

TREE = pathlib.Path(__file__).resolve().parents[2]
DATA_VERSION = 2            # raise it when an older run folder can no longer be started
GROUP_ID = 61000            # shared by all processes of a suite that root starts; no account exists
SOCKET_PATH_BYTES_MAX = 107  # sun_path less its NUL

# Offsets from the port base. A service's inner listener (health, metrics) is its port + 100.
PORTS = {
    "mail": 25, "postgres": 32, "redis": 63, "turn_control": 77, "turn": 78, "turn_tls": 79, "keycloak": 80,
    "keycloak_inner": 81, "kafka": 92, "kafka_controller": 93, "gateway": 443,
    "access": 101, "patients": 102, "appointments": 103, "signaling": 104, "messaging": 105,
    "prescriptions": 106, "notifications": 107, "billing": 108, "fhir": 109, "audit": 110,
    "keyd": 111, "signaling-2": 124, "messaging-2": 125,
}
# Every folder with a main.c is a service. keyd stands first, since all others ask it for keys; a
# service that has no row above gets the next free port, in the order of names.
SERVICES = sorted((main.parent.name for main in TREE.glob("services/*/main.c")),
                  key=lambda name: (name != "keyd", PORTS.get(name, 999), name))
PORTS |= {name: 130 + i for i, name in enumerate(name for name in SERVICES if name not in PORTS)}
WITH_DATABASE = [name for name in SERVICES if (TREE / f"services/{name}/sql/migrations").is_dir()]
RELAY_PORTS = (600, 699)
INNER = 100

# Whatever proxy the user's shell names, our own addresses are not asked through it.
os.environ["no_proxy"] = ",".join(filter(None, [os.environ.get("no_proxy"), "127.0.0.1,localhost"]))


def cache_folder():
    """Downloads live here, outside the tree, so that no second run fetches anything.

    Root's home is closed to the uids under which root starts the parts, hence /var/cache."""
    named = os.environ.get("TELECURA_CACHE")
    if named:
        return pathlib.Path(named).resolve()
    if os.geteuid() == 0:
        return pathlib.Path("/var/cache/telecura")
    return pathlib.Path.home() / ".cache" / "telecura"


def write_file(path, text, mode=0o644, owner=None):
    """Replace a file in one step, so that no reader ever sees half of it."""
    path = pathlib.Path(path)
    new = path.with_name(path.name + ".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    if owner and os.geteuid() == 0:
        os.chown(new, *owner)
    os.chmod(new, mode)
    os.replace(new, path)


class Place:
    def __init__(self, run, base=None, bin_folder=None, replicas=None, jit=None):
        self.run = pathlib.Path(run).resolve()
        kept = self._kept()
        self.base = base or kept.get("ports", 18000)
        self.bin = pathlib.Path(bin_folder or kept.get("bin", TREE / "build/release/bin")).resolve()
        self.replicas = kept.get("replicas", []) if replicas is None else replicas
        self.jit = jit or kept.get("jit", "c1")
        self.cache = cache_folder()

    def _kept(self):
        try:
            return json.loads((self.run / "install.json").read_text())
        except (OSError, ValueError):     # preflight says what is wrong with the folder
            return {}

    def _chosen(self):
        return {"data_version": DATA_VERSION, "ports": self.base, "bin": str(self.bin),
                "replicas": self.replicas, "jit": self.jit}

    def keep(self):
        write_file(self.run / "install.json", json.dumps(self._chosen(), indent=2) + "\n")

    @property
    def chosen_anew(self):
        return self._kept() != self._chosen()

    @property
    def data_version(self):
        return self._kept().get("data_version")

    def make(self, goal, **variables):
        """The command line that does this to this suite, as our messages name it."""
        if self.run != TREE / ".run":
            variables["RUN"] = self.run
        return " ".join(["make", goal, *(f"{name}={value}" for name, value in variables.items())])

    def port(self, name):
        return self.base + PORTS[name]

    def inner_port(self, service):
        return self.port(service) + INNER

    def owner(self, name):
        """(uid, gid) of a part: its own number under root, else the caller's."""
        if os.geteuid() != 0:
            return os.getuid(), os.getgid()
        if name == "postgres":
            return pwd.getpwnam("postgres").pw_uid, pwd.getpwnam("postgres").pw_gid
        return GROUP_ID + PORTS[name], GROUP_ID

    def folder(self, name, owner=None, mode=0o755):
        path = self.run / name
        path.mkdir(parents=True, exist_ok=True)
        if owner and os.geteuid() == 0:
            os.chown(path, *self.owner(owner))
        os.chmod(path, mode)
        return path

    def held(self, name):
        """While this file exists the supervisor leaves the part down."""
        return self.run / "held" / name

    def secret(self, name, owner=None):
        """A random text of 128 bit, made at its first use and kept in <run>/secrets (0600)."""
        path = self.folder("secrets", mode=0o711) / name
        if not path.exists():
            write_file(path, secrets.token_urlsafe(16) + "\n", 0o600,
                       self.owner(owner) if owner else None)
        return path.read_text().strip()

    def secret_file(self, name, owner=None):
        self.secret(name, owner)
        return self.run / "secrets" / name

    @property
    def gateway_url(self):
        return f"https://127.0.0.1:{self.port('gateway')}"

    @property
    def issuer(self):
        return f"{self.gateway_url}/idp/realms/telecura"

    @property
    def keycloak_url(self):
        """Where the gateway reaches it, and its own administration; nobody else does."""
        return f"https://127.0.0.1:{self.port('keycloak')}/idp"

    @property
    def ca_file(self):
        return self.run / "tls" / "ca.crt"
