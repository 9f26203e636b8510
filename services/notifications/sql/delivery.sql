-- Mails from their cause to their end.

-- row delivery (id uuid, version int8, template text, visit_id uuid, state text,
--     created_at timestamptz, sent_at timestamptz)
-- row delivery_due (org uuid, id uuid)
-- row officer (person uuid)
-- row delivery_found (id uuid, version int8, attempts int4, patient_id uuid, template text,
--     person uuid, member_id uuid, member_patient uuid, language text, sealed bytea)
-- row delivery_taken (version int8)
-- row delivery_closed (id uuid, version int8, patient_id uuid, person uuid, template text)

-- delivery_insert  :exec
-- Said because of :told_by, the act on record that led to it.
INSERT INTO delivery (org, id, act_id, cause, seat, patient_id, person, template, visit_id, due_at,
                      created_at)
VALUES (:org, :id::uuid, :told_by::uuid, :cause::uuid, :seat::text, :patient_id::uuid, :person?::uuid,
        :template::text, :visit_id?::uuid, :now, :now)
ON CONFLICT DO NOTHING;

-- officers_list  :many officer
-- Who reviews, as far as that has been heard.
SELECT person FROM member WHERE org = :org AND role = 'privacy' AND state = 'active' ORDER BY person LIMIT 100;

-- deliveries_due  :many delivery_due
-- all orgs: the post office serves them all
SELECT org, id FROM delivery
WHERE state IN ('pending', 'sending') AND due_at <= :now ORDER BY due_at LIMIT 50;

-- delivery_open  :one delivery_found
-- With who it is for, as far as that has been heard.
SELECT d.id, d.version, d.attempts, d.patient_id, d.template, m.person, m.id AS member_id,
       m.patient AS member_patient, m.language, m.sealed
FROM delivery AS d LEFT JOIN LATERAL (
    SELECT m.person, m.id, m.patient, m.language, m.sealed FROM member AS m
    WHERE m.org = d.org AND m.state = 'active' AND m.sealed IS NOT NULL
      AND (m.person = d.person OR d.seat = 'patient' AND m.role = 'patient' AND m.patient = d.patient_id)
    ORDER BY m.id LIMIT 1) AS m ON true
WHERE d.org = :org AND d.id = :id::uuid AND d.state IN ('pending', 'sending') AND d.due_at <= :now;

-- delivery_take  :one delivery_taken  else ERR_CONFLICT
-- From its commit on nobody else takes it, until the lease is over.
UPDATE delivery SET state = :state::text, attempts = attempts + 1, version = version + 1,
       due_at = :lease::timestamptz, person = coalesce(:person?::uuid, person)
WHERE org = :org AND id = :id::uuid AND version = :version::int8 AND state = ANY (:from::text[])
RETURNING version;

-- delivery_close  :one delivery_closed  else ERR_CONFLICT
UPDATE delivery SET state = :state::text, version = version + 1, due_at = :due_at::timestamptz,
       sent_at = :sent_at?::timestamptz,
       act_id = CASE WHEN :sent_at IS NULL THEN act_id ELSE :act END -- only the sending is on record
WHERE org = :org AND id = :id::uuid AND version = :version::int8 AND state = ANY (:from::text[])
RETURNING id, version, patient_id, person, template;

-- deliveries_own  :many delivery
-- The latest first; @before is where the last page ended.
SELECT id, version, template, visit_id, state, created_at, sent_at FROM delivery
WHERE org = :org AND (person = :actor OR seat = 'patient' AND patient_id = :patient_id?::uuid)
  AND (created_at, id) < (:before_at::timestamptz, :before_id::uuid)
ORDER BY created_at DESC, id DESC LIMIT :limit::int8;
