"""fetch - Apache Kafka and Keycloak from Maven Central: once, pinned by version and digest.

Both end up unpacked under the cache folder (place.cache_folder). A finished part carries a marker
file with its pin; a second run finds the marker and fetches nothing.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

from place import TREE

KAFKA = "4.3.1"
HAPI = "8.8.1"
KEYCLOAK = "26.7.3"
KEYCLOAK_SHA256 = "77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47"
# These are fixed when Keycloak is built; what may change between suites is set at its start.
KEYCLOAK_BUILD = ["--db=postgres", "--health-enabled=true", "--metrics-enabled=false",
                  "--http-relative-path=/idp"]
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"


class FetchError(Exception):
    pass


def kafka_folder(cache):
    return cache / f"kafka-{KAFKA}"


def hapi_folder(cache):
    return cache / f"hapi-{HAPI}"


def keycloak_folder(cache):
    return cache / f"keycloak-{KEYCLOAK}"


def kafka(cache, log):
    """46 jars, 44 MB."""
    return once(kafka_folder(cache), f"kafka {KAFKA}",
                lambda folder: jars("deploy/kafka", folder, log))


def hapi(cache, log):
    """89 jars, 145 MB: the FHIR validator of `make fhir-validate`, which nothing else needs."""
    return once(hapi_folder(cache), f"hapi {HAPI}",
                lambda folder: jars("tests/integration/audit/hapi", folder, log))


def jars(named, folder, log):
    """What pom.xml of the folder @named asks for, in lib/; its jars.sha256 names each by its digest."""
    wanted = dict(reversed(line.split())
                  for line in (TREE / named / "jars.sha256").read_text().splitlines())
    maven(["-f", str(TREE / named / "pom.xml"), f"{PLUGIN}:copy-dependencies",
           "-DincludeScope=runtime", f"-DoutputDirectory={folder}/lib"], folder, log)
    found = {jar.name: sha256(jar) for jar in (folder / "lib").iterdir()}
    wrong = sorted(set(found.items()) ^ set(wanted.items()))
    if wrong:
        raise FetchError(f"{wrong[0][0]} is not the file that {named}/jars.sha256 names")


def keycloak(cache, log):
    """168 MB; unpacked and built for PostgreSQL, 190 MB. The archive itself is not kept."""
    def make(folder):
        maven([f"{PLUGIN}:copy", f"-DoutputDirectory={folder}",
               f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{KEYCLOAK}:tar.gz"], folder, log)
        archive = folder / f"keycloak-quarkus-dist-{KEYCLOAK}.tar.gz"
        if sha256(archive) != KEYCLOAK_SHA256:
            raise FetchError(f"{archive.name} is not the file whose digest fetch.py names")
        with tarfile.open(archive) as tar:
            tar.extractall(folder)
        archive.unlink()
        for item in (folder / f"keycloak-{KEYCLOAK}").iterdir():
            item.rename(folder / item.name)
        run([str(folder / "bin/kc.sh"), "build", *KEYCLOAK_BUILD], log)

    return once(keycloak_folder(cache), f"keycloak {KEYCLOAK} {' '.join(KEYCLOAK_BUILD)}", make)


def once(folder, pin, make):
    """Make @folder unless its marker carries @pin. A run that was cut short leaves no marker."""
    marker = folder / ".pin"
    if marker.exists() and marker.read_text() == pin:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.chmod(folder, 0o755)
    make(folder)
    make_readable(folder)
    marker.write_text(pin)
    return True


def maven(goal, folder, log):
    """Maven's own repository is only scaffolding: it is thrown away afterwards."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="maven-") as repository:
        run(["mvn", "-q", "-B", f"-Dmaven.repo.local={repository}", *goal], log)


def run(command, log):
    with open(log, "a") as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    if done.returncode:
        last = [line for line in pathlib.Path(log).read_text().splitlines() if line.strip()][-3:]
        raise FetchError(f"{pathlib.Path(command[0]).name} failed; see {log}\n      "
                         + "\n      ".join(last))


def make_readable(folder):
    """Root fetches, other uids run: all may read, nobody but the owner writes."""
    for path, _, files in os.walk(folder):
        os.chmod(path, 0o755)
        for name in files:
            file = os.path.join(path, name)
            os.chmod(file, 0o755 if os.stat(file).st_mode & 0o100 else 0o644)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
