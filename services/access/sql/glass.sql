-- Broken glass, from its reason to what was found of it.

-- row glass (id uuid, patient_id uuid, person uuid, reason text, sealed bytea, opened_at timestamptz,
--     ends_at timestamptz, state text, told int8, finding text, finding_sealed bytea, reviewed_by uuid,
--     reviewed_at timestamptz, version int8)
-- row glass_due (org uuid, id uuid)

-- glass_insert  :one glass  else ERR_CONFLICT
-- One at a time of the same person for the same patient: what runs is not made longer.
INSERT INTO glass (org, id, act_id, patient_id, person, reason, sealed, opened_at, ends_at, state, review_due_at)
SELECT :org, :id::uuid, :act, :patient_id::uuid, :actor, :reason::text, :sealed::bytea, :now,
       :ends_at::timestamptz, :state::text, :review_due_at::timestamptz
WHERE NOT EXISTS (SELECT FROM glass AS g WHERE g.org = :org AND g.person = :actor
                  AND g.patient_id = :patient_id AND g.ends_at > :now)
RETURNING id, patient_id, person, reason, sealed, opened_at, ends_at, state, told, finding, finding_sealed,
    reviewed_by, reviewed_at, version;

-- glass_get  :one glass
SELECT id, patient_id, person, reason, sealed, opened_at, ends_at, state, told, finding, finding_sealed,
    reviewed_by, reviewed_at, version
FROM glass WHERE org = :org AND id = :id::uuid;

-- glasses_list  :many glass
-- What has waited longest stands first.
SELECT g.id, g.patient_id, g.person, g.reason, g.sealed, g.opened_at, g.ends_at, g.state, g.told, g.finding,
    g.finding_sealed, g.reviewed_by, g.reviewed_at, g.version
FROM glass AS g JOIN visible USING (org, patient_id)
WHERE org = :org AND g.id > :after_id::uuid
  AND (:patient_id?::uuid IS NULL OR patient_id = :patient_id)
  AND (:person?::uuid IS NULL OR g.person = :person)
  AND (:state?::text IS NULL OR g.state = :state)
ORDER BY g.id LIMIT :limit::int8;

-- glass_end_now  :one glass  else ERR_BAD_STATE
UPDATE glass SET ends_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND ends_at > :now
RETURNING id, patient_id, person, reason, sealed, opened_at, ends_at, state, told, finding, finding_sealed,
    reviewed_by, reviewed_at, version;

-- glass_reviewed  :one glass  else glass_not_reviewed
-- Nobody finds of themselves, in whichever of their roles.
UPDATE glass AS g SET state = :state::text, finding = :finding::text, finding_sealed = :sealed::bytea,
    reviewed_by = :actor, reviewed_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[])
  AND NOT EXISTS (SELECT FROM member AS broke, member AS m
                  WHERE broke.org = :org AND broke.person = g.person
                    AND m.org = :org AND m.person = :actor
                    AND (m.person = broke.person OR (m.issuer, m.subject) = (broke.issuer, broke.subject)))
RETURNING id, patient_id, person, reason, sealed, opened_at, ends_at, state, told, finding, finding_sealed,
    reviewed_by, reviewed_at, version;

-- glass_not_reviewed  :one refusal
SELECT CASE WHEN NOT g.state = ANY (:from::text[]) THEN 'bad_state' ELSE 'second_person_required' END AS code
FROM glass AS g WHERE g.org = :org AND g.id = :id::uuid;

-- glasses_due  :many glass_due
-- all orgs: what nobody has reviewed is told of again. Of who was erased there is nothing to read.
SELECT g.org, g.id FROM glass AS g
WHERE g.state = 'to_review' AND g.review_due_at <= :now
  AND NOT EXISTS (SELECT FROM erasure AS e WHERE e.org = g.org AND e.patient_id = g.patient_id
                  AND e.state = 'erased')
ORDER BY g.review_due_at LIMIT 100;

-- glass_told_again  :one glass  else ERR_BAD_STATE
UPDATE glass SET review_due_at = :next::timestamptz, told = told + 1, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = 'to_review' AND review_due_at <= :now
RETURNING id, patient_id, person, reason, sealed, opened_at, ends_at, state, told, finding, finding_sealed,
    reviewed_by, reviewed_at, version;
