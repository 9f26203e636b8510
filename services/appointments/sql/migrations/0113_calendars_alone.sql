-- A calendar is one person's, and a person's id is nobody else's in any organisation: without `org` these
-- indexes serve nothing but their constraints. With it, a table that was never analyzed was searched by
-- organisation through them, and PostgreSQL 15.18 then lost entries of rows that lived: visits were not
-- found, and two overlapped (test_parallel_bookings_moves_and_cancellations_never_overlap).
ALTER TABLE appointment
    DROP CONSTRAINT appointment_provider,
    DROP CONSTRAINT appointment_patient,
    ADD CONSTRAINT appointment_provider EXCLUDE USING gist (provider_id WITH =, during WITH &&),
    ADD CONSTRAINT appointment_patient EXCLUDE USING gist (patient_id WITH =, during WITH &&);
