"""What a service may not do to its own past: its role in PostgreSQL is asked, as somebody would who
runs code inside it."""
import pytest

from pq import Connection

SERVICES = ("access", "appointments", "billing", "messaging", "patients", "prescriptions")
EVERYWHERE = (
    "UPDATE audit_outbox SET actor = NULL", "UPDATE audit_outbox SET outcome = 'done'",
    "UPDATE audit_outbox SET patient = NULL", "UPDATE audit_outbox SET at = now()",
    "UPDATE outbox SET payload = NULL", "UPDATE inbox SET at = now()", "DELETE FROM feed_pos",
    "DELETE FROM member", "DELETE FROM relation", "DELETE FROM consent", "TRUNCATE audit_outbox",
    "DELETE FROM migration", "CREATE TABLE mine (a int)", "CREATE FUNCTION patient_allow() RETURNS int "
    "LANGUAGE sql AS 'SELECT 1'", "ALTER TABLE consent DISABLE TRIGGER ALL", "SET ROLE root_of_all",
)
# `sealed` alone may change: a renewed key seals what the former one had sealed.
ONE = {
    "access": ("DELETE FROM visit_grant", "UPDATE consent_document SET version = 9",
               "UPDATE consent SET document_hash = ''", "UPDATE consent SET ends_at = NULL",
               "UPDATE consent SET given_by = id", "UPDATE consent_version SET state = 'active'",
               "DELETE FROM consent_version", "DROP TRIGGER consent_keep ON consent"),
    "appointments": ("UPDATE appointment_history SET version = 9", "DELETE FROM appointment_history",
                     "UPDATE note SET version = 9", "DELETE FROM note", "DELETE FROM appointment"),
    "billing": ("UPDATE payment SET amount_minor = 0", "DELETE FROM posting", "DELETE FROM invoice",
                "UPDATE charge SET amount_minor = 0"),
    "messaging": ("UPDATE message SET sender = id", "DELETE FROM message", "DELETE FROM stream"),
    "patients": ("DELETE FROM patient", "DELETE FROM record"),
    "prescriptions": ("UPDATE prescription_history SET state = 'x'", "DELETE FROM fill",
                      "DELETE FROM prescription"),
}


@pytest.mark.family(24)
@pytest.mark.parametrize("name", SERVICES)
def test_what_was_done_stays_done(suite, name):
    service = suite.service(name)
    own = Connection(suite.postgres.conninfo(service.name))
    for statement in EVERYWHERE + ONE[name]:
        with pytest.raises(RuntimeError, match="permission denied|must be owner"):
            own.execute(statement)
