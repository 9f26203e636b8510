-- A calendar is one person's, and a person's id is nobody else's in any organisation: without `org` these
-- indexes serve nothing but their constraints. With it, a table that was never analyzed was searched by
-- organisation through them, in a move once for each row of availability: up to 15.18 PostgreSQL then loses
-- entries of rows that live (tests/integration/test_gist.py), visits were not found, and two overlapped.
ALTER TABLE appointment
    DROP CONSTRAINT appointment_provider,
    DROP CONSTRAINT appointment_patient,
    ADD CONSTRAINT appointment_provider EXCLUDE USING gist (provider_id WITH =, during WITH &&),
    ADD CONSTRAINT appointment_patient EXCLUDE USING gist (patient_id WITH =, during WITH &&);
