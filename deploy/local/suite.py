"""suite - THE table: every process of the suite, in the order in which a reader wants to meet them.

A part is a daemon that is kept running, or a job that has to end well once per start. It starts
when the parts in `after` are ready, under its own uid (place.owner). At the end they stop in waves:
the gateway first, then our services, then what these use, PostgreSQL last.
"""
import dataclasses
import signal
import typing

import database
import fetch
import probe
from place import SERVICES, TREE, WITH_DATABASE

PYTHON = "/usr/bin/python3"     # Debian's own: it has Debian's modules, and every uid may run it
GATEWAY, OURS, THEIRS, LAST = range(4)      # the waves

RECOVERY_S_MAX = 300            # who was killed reads back first what it was writing, on a busy machine, too


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    command: list
    probe: typing.Callable = None     # None: a job
    after: tuple = ()
    owner: str = None                 # whose uid; None: the caller's
    wave: int = THEIRS
    ready_s: int = 20                 # a part that needs longer than this is started again
    stop_signal: int = signal.SIGTERM
    environment: dict = dataclasses.field(default_factory=dict)

    @property
    def once(self):
        return self.probe is None


def parts(place):
    run, etc = place.run, place.run / "etc"
    return [
        Part("postgres", [f"{database.PROGRAMS}/postgres", "-D", f"{run}/postgres/data",
                          "-c", f"config_file={etc}/postgresql.conf"],
             probe.postgres, owner="postgres", wave=LAST, ready_s=RECOVERY_S_MAX, stop_signal=signal.SIGINT,
             environment=database.ENVIRONMENT),
        Part("databases", job(place, "databases"), after=("postgres",)),
        Part("redis", ["/usr/bin/redis-server", f"{etc}/redis.conf"], probe.redis, owner="redis"),
        Part("mail", [PYTHON, f"{TREE}/deploy/local/mailsink.py",
                      str(place.port("mail")), f"{run}/mail"], probe.mail, owner="mail"),
        Part("turn", ["/usr/bin/turnserver", "-c", f"{etc}/turnserver.conf"],
             probe.turn, owner="turn"),
        *kafka(place),
        *keycloak(place),
        Part("gateway", ["/usr/sbin/haproxy", "-db", "-f", f"{etc}/haproxy.cfg"],
             probe.gateway, after=("keys",), owner="gateway", wave=GATEWAY),
        *services(place),
    ]


def jvm(place):
    """C1 alone halves the start of a JVM and its memory. One that runs for months is better off with
    both compilers: then a broker's TLS costs a fifth."""
    return ["-XX:+UseSerialGC", "-XX:-UsePerfData", *(["-XX:TieredStopAtLevel=1"] if place.jit == "c1" else [])]


def job(place, name):
    return [PYTHON, f"{TREE}/deploy/local/up.py", "--run", str(place.run), "job", name]


def kafka(place):
    java = ["/usr/bin/java", "-Xms64m", "-Xmx256m", "-XX:MaxDirectMemorySize=64m", *jvm(place),
            "-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-cp", f"{fetch.kafka_folder(place.cache)}/lib/*"]
    settings = f"{place.run}/etc/server.properties"
    formatted = kafka_formatted(place)
    if not formatted:
        kafka_id = "k" + place.secret("kafka-id")[1:]   # 16 bytes; a leading - reads as an option
        yield Part("kafka-format", [*java, "kafka.tools.StorageTool", "format", "-t",
                                    kafka_id, "-c", settings, "--ignore-formatted"],
                   owner="kafka", ready_s=60)
    yield Part("kafka", [*java, "kafka.Kafka", settings], probe.kafka, owner="kafka",
               after=() if formatted else ("kafka-format",), ready_s=RECOVERY_S_MAX)
    if (place.bin / "topics").exists():
        yield Part("topics", [f"{place.bin}/topics", "--config", f"{place.run}/etc/topics.conf"],
                   after=("kafka",))


def kafka_formatted(place):
    return (place.run / "kafka/data/meta.properties").exists()


def keycloak(place):
    home = f"{place.run}/keycloak"
    first = (place.run / "keycloak/data/import/telecura-realm.json").exists()
    url = (f"jdbc:postgresql://127.0.0.1:{place.port('postgres')}/keycloak"
           f"?sslmode=verify-full&sslrootcert={place.ca_file}")
    opens = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED"
             for package in ("util", "util.concurrent", "security", "lang")]
    yield Part(
        "keycloak",
        ["/usr/bin/java", "-Xms64m", "-Xmx384m", "-XX:MetaspaceSize=96M",
         "-XX:MaxMetaspaceSize=256m", *jvm(place), "-XX:+ExitOnOutOfMemoryError",
         "-Dfile.encoding=UTF-8", *opens, f"-Dkc.home.dir={home}",
         f"-Djboss.server.config.dir={home}/conf", f"-Djava.io.tmpdir={home}/tmp",
         "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
         "-Dpicocli.disable.closures=true",
         "-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
         "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
         "-cp", f"{home}/lib/quarkus-run.jar",
         "io.quarkus.bootstrap.runner.QuarkusEntryPoint", "start", "--optimized",
         *(["--import-realm"] if first else [])],
        probe.keycloak, after=("databases",), owner="keycloak", ready_s=600,
        environment={
            "KC_DB_URL": url, "KC_DB_USERNAME": "keycloak",
            "KC_DB_PASSWORD": place.secret("db-keycloak"),
            "KC_DB_POOL_INITIAL_SIZE": "1", "KC_DB_POOL_MAX_SIZE": "10",
            "KC_CACHE": "local",    # without it JGroups listens on the machine's outside address
            "KC_HTTP_HOST": "127.0.0.1", "KC_HTTPS_PORT": str(place.port("keycloak")),
            "KC_HTTPS_PROTOCOLS": "TLSv1.3",
            "KC_HTTPS_CERTIFICATE_FILE": f"{place.run}/tls/keycloak.crt",
            "KC_HTTPS_CERTIFICATE_KEY_FILE": f"{place.run}/tls/keycloak.key",
            "KC_HTTP_MANAGEMENT_HOST": "127.0.0.1",
            "KC_HTTP_MANAGEMENT_PORT": str(place.port("keycloak_inner")),
            "KC_HOSTNAME": f"{place.gateway_url}/idp", "KC_PROXY_HEADERS": "xforwarded",
            "KC_PROXY_TRUSTED_ADDRESSES": "127.0.0.1",
            "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
            "KC_BOOTSTRAP_ADMIN_PASSWORD": place.secret("keycloak-admin"),
        })
    yield Part("keys", job(place, "keys"), after=("keycloak",))


def services(place):
    """Ours: every binary that is built. A second replica is a row like any other.

    None waits for Kafka, but for once: before the first topics and rights exist, a producer is
    refused for good and not for now. All but keyd wait for keyd: a start may need a key."""
    rights = (place.bin / "topics").exists() and not kafka_formatted(place)
    for name in SERVICES:
        if not (place.bin / name).exists():
            continue
        before = ("topics",) if rights else ()
        if name != "keyd" and (place.bin / "keyd").exists():
            before += ("keyd",)
        if name in WITH_DATABASE:
            before += (f"migrate-{name}",)
            yield Part(f"migrate-{name}", [f"{place.bin}/{name}", "--migrate", "--config",
                                           f"{place.run}/etc/{name}.conf"],
                       after=("databases",), owner=name, wave=OURS)
        for replica in replicas(place, name):
            yield Part(replica, [f"{place.bin}/{name}", "--config",
                                 f"{place.run}/etc/{replica}.conf"],
                       probe.service(replica), after=before, owner=replica, wave=OURS)


def replicas(place, service):
    return [service, f"{service}-2"] if service in place.replicas else [service]


def chosen(place, names):
    """The rows that @names need, with all that stands before them; no names: all rows."""
    table = {part.name: part for part in parts(place)}
    wanted, queue = set(), list(names or table)
    while queue:
        name = queue.pop()
        if name not in wanted:
            wanted.add(name)
            queue.extend(table[name].after)
    return [part for part in table.values() if part.name in wanted]
