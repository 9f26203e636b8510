"""database - the PostgreSQL cluster: made once, with one database and two roles per service.

<svc>_owner owns the database and runs the migrations; <svc> may only connect: what it may touch,
the migrations grant. No role may connect to another's database. audit has a third role, by which
it moves the head of a log and does nothing else. `reconcile` reads all of them and writes nowhere.
"""
import os
import shutil
import subprocess

from place import WITH_DATABASE

MAJOR = "15"
MORE_ROLES = {"audit_head": "audit"}    # role: database
READER = "reconcile"                    # of what the services hold, sealed as it is
PROGRAMS = f"/usr/lib/postgresql/{MAJOR}/bin"

# A booking takes 144 KB more memory than a backend has between two acts. As glibc gives 128 KB and more back to
# the kernel at once, each act could ask for it anew: 10 % of PostgreSQL's work, or none, by the heap's chance.
ENVIRONMENT = {"MALLOC_TRIM_THRESHOLD_": "1048576", "MALLOC_MMAP_THRESHOLD_": "1048576"}


def init(place):
    """initdb into a side folder, then rename: a run that was cut short leaves no half cluster."""
    folder = place.folder("postgres", "postgres", 0o711)
    if (folder / "data").exists():
        return
    new = folder / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    uid, gid = place.owner("postgres")
    password = place.secret_file("postgres", "postgres")
    as_owner = {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(
        [f"{PROGRAMS}/initdb", "-D", new, "-U", "postgres", "-A", "scram-sha-256", "--pwfile",
         password, "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"],
        cwd=folder, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, **as_owner)
    if done.returncode:
        raise RuntimeError(f"initdb: {done.stderr.strip()}")
    new.rename(folder / "data")


def conninfo(place, role, database):
    return (f"host={place.run}/postgres port={place.port('postgres')} dbname={database} "
            f"user={role} password={place.secret('db-' + role)}")


def psql(place, sql, database="postgres"):
    """Runs @sql as the superuser and returns its rows, tab-separated."""
    environment = {"PATH": "/usr/bin:/bin", "PGPASSWORD": place.secret("postgres", "postgres")}
    done = subprocess.run(
        [f"{PROGRAMS}/psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", f"{place.run}/postgres",
         "-p", str(place.port("postgres")), "-U", "postgres", "-d", database],
        input=sql, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"psql: {done.stderr.strip()}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def make_all(place):
    """Roles and databases that are missing. Data and passwords live and die with the run folder."""
    if not (place.run / "keycloak/imported").exists():
        # A first start of Keycloak that was cut short leaves a lock in there that nobody lifts.
        psql(place, "DROP DATABASE IF EXISTS keycloak WITH (FORCE)")
    owners = {name: f"{name}_owner" for name in WITH_DATABASE} | {"keycloak": "keycloak"}
    have = {row[0] for row in psql(place, "SELECT 'role ' || rolname FROM pg_roles UNION ALL "
                                          "SELECT 'database ' || datname FROM pg_database")}
    sql = [f"CREATE ROLE {role} LOGIN PASSWORD '{place.secret('db-' + role)}';"
           for role in sorted({*owners.values(), *WITH_DATABASE, *MORE_ROLES, READER}) if f"role {role}" not in have]
    for database, owner in owners.items():
        if f"database {database}" not in have:
            sql.append(f"CREATE DATABASE {database} OWNER {owner};")
        sql.append(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC;")
        sql.append(f"GRANT CONNECT ON DATABASE {database} TO {database};")
    sql += [f"GRANT CONNECT ON DATABASE {database} TO {role};" for role, database in MORE_ROLES.items()]
    sql += [f"GRANT CONNECT ON DATABASE {name} TO {READER};" for name in WITH_DATABASE]
    sql.append(f"GRANT pg_read_all_data TO {READER};")
    psql(place, "\n".join(sql))
