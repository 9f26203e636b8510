-- Listed here alone: a patient's relations.
CREATE INDEX relation_patient ON relation (org, patient_id, id);
