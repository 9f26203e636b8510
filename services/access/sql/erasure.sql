-- Legal holds, and erasure by two people.

-- row hold (id uuid, patient_id uuid, reason text, placed_by uuid, placed_at timestamptz,
--     released_by uuid, released_at timestamptz, version int8)
-- row erasure (id uuid, patient_id uuid, reason text, state text, asked_by uuid, asked_at timestamptz,
--     decided_by uuid, decided_at timestamptz, erased_at timestamptz, certificate text, public_key text,
--     version int8)
-- row erasure_due (org uuid, id uuid)

-- record_lock  :exec
-- Holding and erasing one patient's record wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended(:org::text || :patient_id::uuid::text, 0));

-- hold_insert  :one hold  else hold_not_inserted
INSERT INTO hold (org, id, act_id, patient_id, reason, placed_by, placed_at)
SELECT :org, :id::uuid, :act, :patient_id::uuid, :reason::text, :actor, :now
WHERE NOT EXISTS (SELECT FROM erasure AS e WHERE e.org = :org AND e.patient_id = :patient_id
                  AND e.state IN ('approved', 'erased'))
RETURNING id, patient_id, reason, placed_by, placed_at, released_by, released_at, version;

-- hold_not_inserted  :one refusal
-- all orgs: looks at no row
SELECT 'bad_state' AS code;

-- hold_get  :one hold
SELECT id, patient_id, reason, placed_by, placed_at, released_by, released_at, version
FROM hold WHERE org = :org AND id = :id::uuid;

-- holds_list  :many hold
SELECT h.id, h.patient_id, h.reason, h.placed_by, h.placed_at, h.released_by, h.released_at, h.version
FROM hold AS h JOIN visible USING (org, patient_id)
WHERE org = :org AND h.id > :after_id::uuid AND (:patient_id?::uuid IS NULL OR patient_id = :patient_id)
ORDER BY h.id LIMIT :limit::int8;

-- hold_release  :one hold  else ERR_BAD_STATE
UPDATE hold SET released_by = :actor, released_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND released_at IS NULL
RETURNING id, patient_id, reason, placed_by, placed_at, released_by, released_at, version;

-- erasure_insert  :one erasure  else erasure_barred  raises erasure_one ERR_CONFLICT
INSERT INTO erasure (org, id, act_id, patient_id, reason, state, asked_by, asked_at)
SELECT :org, :id::uuid, :act, :patient_id::uuid, :reason::text, :state::text, :actor, :now
WHERE EXISTS (SELECT FROM relation AS r WHERE r.org = :org AND r.patient_id = :patient_id AND r.kind = 'self')
  AND NOT EXISTS (SELECT FROM hold AS h WHERE h.org = :org AND h.patient_id = :patient_id
                  AND h.released_at IS NULL)
  AND NOT EXISTS (SELECT FROM visit AS v WHERE v.org = :org AND v.patient_id = :patient_id
                  AND v.ends_at > :kept_since::timestamptz)
RETURNING id, patient_id, reason, state, asked_by, asked_at, decided_by, decided_at, erased_at, certificate,
    public_key, version;

-- erasure_barred  :one refusal
SELECT CASE WHEN EXISTS (SELECT FROM hold AS h WHERE h.org = :org AND h.patient_id = :patient_id::uuid
                         AND h.released_at IS NULL) THEN 'on_hold'
            WHEN EXISTS (SELECT FROM visit AS v WHERE v.org = :org AND v.patient_id = :patient_id
                         AND v.ends_at > :kept_since::timestamptz) THEN 'under_retention'
            ELSE 'not_found' END AS code;

-- erasure_get  :one erasure
SELECT id, patient_id, reason, state, asked_by, asked_at, decided_by, decided_at, erased_at, certificate,
    public_key, version
FROM erasure WHERE org = :org AND id = :id::uuid;

-- erasures_list  :many erasure
SELECT id, patient_id, reason, state, asked_by, asked_at, decided_by, decided_at, erased_at, certificate,
    public_key, version
FROM erasure WHERE org = :org AND id > :after_id::uuid ORDER BY id LIMIT :limit::int8;

-- erasure_decide  :one erasure  else erasure_not_decided
-- Who asked cannot approve, in whichever of their roles, nor whom they have enrolled.
UPDATE erasure AS e SET state = :state::text, decided_by = :actor, decided_at = :now, version = version + 1,
    act_id = :act
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[])
  AND (:state = 'refused' OR (
      are_apart(:org, e.asked_by, :actor)
      AND NOT EXISTS (SELECT FROM hold AS h WHERE h.org = :org AND h.patient_id = e.patient_id
                      AND h.released_at IS NULL)
      AND NOT EXISTS (SELECT FROM visit AS v WHERE v.org = :org AND v.patient_id = e.patient_id
                      AND v.ends_at > :kept_since::timestamptz)))
RETURNING id, patient_id, reason, state, asked_by, asked_at, decided_by, decided_at, erased_at, certificate,
    public_key, version;

-- erasure_not_decided  :one refusal
SELECT CASE WHEN NOT e.state = ANY (:from::text[]) THEN 'bad_state'
            WHEN EXISTS (SELECT FROM hold AS h WHERE h.org = :org AND h.patient_id = e.patient_id
                         AND h.released_at IS NULL) THEN 'on_hold'
            WHEN EXISTS (SELECT FROM visit AS v WHERE v.org = :org AND v.patient_id = e.patient_id
                         AND v.ends_at > :kept_since::timestamptz) THEN 'under_retention'
            ELSE 'second_person_required' END AS code
FROM erasure AS e WHERE e.org = :org AND e.id = :id::uuid;

-- erasures_due  :many erasure_due
-- all orgs: what two people have decided is done
SELECT org, id FROM erasure WHERE state = 'approved' ORDER BY decided_at LIMIT 20;

-- erasure_done  :one erasure  else ERR_BAD_STATE
UPDATE erasure SET state = :state::text, erased_at = :now, certificate = :certificate::text,
    public_key = :public_key::text, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[])
RETURNING id, patient_id, reason, state, asked_by, asked_at, decided_by, decided_at, erased_at, certificate,
    public_key, version;

-- relations_end_of  :many relation
-- Nobody is anything to them any more, not even they themselves.
UPDATE relation SET ends_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND patient_id = :patient_id::uuid AND (ends_at IS NULL OR ends_at > :now)
RETURNING id, person, patient_id, kind, proof, visit_id, opened_by, starts_at, ends_at, version;

-- member_of_patient  :maybe member
UPDATE member SET state = 'disabled', version = version + 1, act_id = :act
WHERE org = :org AND patient = :patient_id::uuid AND state = 'active'
RETURNING org, id, person, role, state, patient AS patient_id, language, issuer, subject, sealed, version;
