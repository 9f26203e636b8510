-- Every booking writes a relation and a key. Who reaches a patient is asked by person, and by patient
-- only for who the patient is; keys are pruned by time, in which they come.
DROP INDEX relation_patient, relation_person, idempotency_at;
CREATE INDEX relation_person ON relation (org, person, patient_id);
CREATE INDEX relation_self ON relation (org, patient_id) WHERE kind = 'self';
CREATE INDEX idempotency_at ON idempotency USING brin (at);
