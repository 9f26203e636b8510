"""What committed, and when: each service's audit rows as they were written, kept beside the table from
which the relay takes them away. PostgreSQL itself says when a row's transaction committed.

Installed by the superuser for a test and taken away after it; nothing of the product knows of it.
"""
import on_record
from place import WITH_DATABASE

INSTALL = """
CREATE SCHEMA witness;
CREATE TABLE witness.row (org uuid, id uuid, act uuid, action text, outcome text, actor uuid, patient uuid);
CREATE FUNCTION witness.keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO witness.row VALUES (new.org, new.id, new.act, new.action, new.outcome, new.actor, new.patient);
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT ON audit_outbox FOR EACH ROW EXECUTE FUNCTION witness.keep();
"""
REMOVE = "DROP SCHEMA IF EXISTS witness CASCADE;"
ROWS = """SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)), act, action, outcome, actor, patient
FROM witness.row"""


class Witness:
    def __init__(self, parts):
        self.parts = parts

    def __enter__(self):
        self.parts.rows("postgres", "ALTER SYSTEM SET track_commit_timestamp = on")
        with self.parts.without("postgres"):
            pass
        for service in WITH_DATABASE:
            self.parts.rows(service, REMOVE + INSTALL)
        return self

    def __exit__(self, *_):
        self.parts.rows("postgres", "ALTER SYSTEM RESET track_commit_timestamp")
        for service in WITH_DATABASE:
            self.parts.rows(service, REMOVE)

    def clear(self):
        for service in WITH_DATABASE:
            self.parts.rows(service, "TRUNCATE witness.row")

    def rows(self):
        return [on_record.Row(float(at), service, act, action, outcome, actor or None, patient or None)
                for service in WITH_DATABASE
                for at, act, action, outcome, actor, patient in self.parts.rows(service, ROWS)]
