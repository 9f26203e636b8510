-- GiST looks at its columns in order: first the one that tells most entries apart. An organisation
-- comes last; nearly all entries of a page share it.
ALTER TABLE appointment
    DROP CONSTRAINT appointment_provider,
    DROP CONSTRAINT appointment_patient,
    ADD CONSTRAINT appointment_provider EXCLUDE USING gist
        (provider_id WITH =, during WITH &&, org WITH =)
        WHERE (state IN ('scheduled', 'confirmed', 'arrived', 'in_progress')),
    ADD CONSTRAINT appointment_patient EXCLUDE USING gist
        (patient_id WITH =, during WITH &&, org WITH =)
        WHERE (state IN ('scheduled', 'confirmed', 'arrived', 'in_progress'));

DROP INDEX availability_during;
CREATE INDEX availability_during ON availability USING gist (provider_id, during, org);
