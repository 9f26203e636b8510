-- How sensitive a visit is, with its notes and summary: the labels of labels.def, a bit each.
ALTER TABLE appointment ADD COLUMN labels bigint NOT NULL DEFAULT 0;

-- A psychotherapist's own notes are kept apart.
ALTER TABLE note DROP CONSTRAINT note_kind_check,
    ADD CONSTRAINT note_kind_check CHECK (kind IN ('note', 'summary', 'psychotherapy'));

-- A guardian acts for the patient as a proxy does.
CREATE OR REPLACE VIEW attended AS
SELECT p.org, p.visit_id, r.patient_id FROM presence_heard AS p
JOIN relation AS r ON r.org = p.org AND r.person = p.person AND r.kind IN ('self', 'proxy', 'guardian');
