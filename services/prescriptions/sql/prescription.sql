-- Prescriptions from draft to the last fill.

-- row prescription (id uuid, version int8, state text, patient_id uuid, visit_id uuid, drafted_by uuid,
--     drafted_at timestamptz, fills_authorised int8, fills_used int8, signed_by uuid,
--     signed_at timestamptz, signing_key text, signature bytea, sealed bytea, sealed_version int8,
--     labels int8)
-- row fill (number int8, pharmacist uuid, at timestamptz)
-- row refusal (code text)

-- prescription_insert  :one prescription
INSERT INTO prescription (org, id, act_id, patient_id, visit_id, drafted_by, drafted_at, state,
                          fills_authorised, sealed)
VALUES (:org, :id::uuid, :act, :patient_id::uuid, :visit_id::uuid, :actor, :now, :state::text,
        :fills_authorised::int8, :sealed::bytea)
RETURNING id, version, state, patient_id, visit_id, drafted_by, drafted_at,
          fills_authorised::int8, fills_used::int8, signed_by, signed_at, signing_key, signature, sealed,
          sealed_version,
       labels_of(org, visit_id) AS labels;

-- prescription_get  :one prescription
-- Unsigned ones are shown only to those who write them.
SELECT id, version, state, patient_id, visit_id, drafted_by, drafted_at, fills_authorised::int8,
       fills_used::int8, signed_by, signed_at, signing_key, signature, sealed, sealed_version,
       labels_of(org, visit_id) AS labels
FROM prescription
WHERE org = :org AND id = :id::uuid AND (:drafts::bool OR signature IS NOT NULL);

-- prescriptions_visible  :many prescription
-- Those of patients that the actor may see, by draft and id.
SELECT id, version, state, patient_id, visit_id, drafted_by, drafted_at, fills_authorised::int8,
       fills_used::int8, signed_by, signed_at, signing_key, signature, sealed, sealed_version,
       labels_of(org, visit_id) AS labels
FROM prescription JOIN visible USING (org, patient_id)
WHERE org = :org AND labels_of(org, visit_id) & hidden = 0 AND (drafted_at, id) > (:after_at::timestamptz, :after_id::uuid)
  AND (:drafts::bool OR signature IS NOT NULL)
  AND (:state?::text IS NULL OR state = :state)
  AND (:patient_id?::uuid IS NULL OR patient_id = :patient_id)
  AND (:visit_id?::uuid IS NULL OR visit_id = :visit_id)
ORDER BY drafted_at, id LIMIT :limit::int8;

-- prescriptions_in_force  :many prescription
-- What the patient takes or may still fetch, but for the one in hand.
SELECT id, version, state, patient_id, visit_id, drafted_by, drafted_at, fills_authorised::int8,
       fills_used::int8, signed_by, signed_at, signing_key, signature, sealed, sealed_version,
       labels_of(org, visit_id) AS labels
FROM prescription
WHERE org = :org AND patient_id = :patient_id::uuid AND id <> :id::uuid
  AND state IN ('signed', 'sent', 'partially_filled')
ORDER BY id LIMIT 200;

-- prescription_check  :one prescription  else prescription_not_moved
UPDATE prescription SET state = :state::text, sealed = :sealed::bytea, sealed_version = version + 1,
    version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[]) AND version = :if_match::int8
RETURNING id, version, state, patient_id, visit_id, drafted_by, drafted_at,
          fills_authorised::int8, fills_used::int8, signed_by, signed_at, signing_key, signature, sealed,
          sealed_version,
       labels_of(org, visit_id) AS labels;

-- prescription_sign  :one prescription  else prescription_not_moved
UPDATE prescription SET state = :state::text, sealed = :sealed::bytea, sealed_version = version + 1,
    version = version + 1, act_id = :act, signed_by = :actor, signed_at = :now, signing_key = :signing_key::text,
    signature = :signature::bytea
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[]) AND version = :if_match::int8
RETURNING id, version, state, patient_id, visit_id, drafted_by, drafted_at,
          fills_authorised::int8, fills_used::int8, signed_by, signed_at, signing_key, signature, sealed,
          sealed_version,
       labels_of(org, visit_id) AS labels;

-- prescription_step  :one prescription  else prescription_not_moved
-- Send, cancel: the state alone. A negative :if_match asks for no version.
UPDATE prescription SET state = :state::text, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[])
  AND (:if_match::int8 < 0 OR version = :if_match)
RETURNING id, version, state, patient_id, visit_id, drafted_by, drafted_at,
          fills_authorised::int8, fills_used::int8, signed_by, signed_at, signing_key, signature, sealed,
          sealed_version,
       labels_of(org, visit_id) AS labels;

-- prescription_not_moved  :one refusal
SELECT CASE WHEN :if_match::int8 >= 0 AND version <> :if_match THEN 'stale' ELSE 'bad_state' END AS code
FROM prescription WHERE org = :org AND id = :id::uuid;

-- prescription_fill  :one prescription  else prescription_not_filled
-- One more, never beyond what was authorised, whoever races.
UPDATE prescription SET fills_used = fills_used + 1, version = version + 1, act_id = :act,
    state = CASE WHEN fills_used + 1 = fills_authorised THEN 'filled' ELSE 'partially_filled' END
WHERE org = :org AND id = :id::uuid AND state = ANY (:from::text[]) AND fills_used < fills_authorised
RETURNING id, version, state, patient_id, visit_id, drafted_by, drafted_at,
          fills_authorised::int8, fills_used::int8, signed_by, signed_at, signing_key, signature, sealed,
          sealed_version,
       labels_of(org, visit_id) AS labels;

-- prescription_not_filled  :one refusal
SELECT CASE WHEN fills_used = fills_authorised THEN 'no_fills_left' ELSE 'bad_state' END AS code
FROM prescription WHERE org = :org AND id = :id::uuid;

-- fill_insert  :exec
INSERT INTO fill (org, prescription_id, number, pharmacist, act_id, at)
VALUES (:org, :prescription_id::uuid, :number::int8, :actor, :act, :now);

-- fills_of  :many fill
SELECT number::int8, pharmacist, at FROM fill
WHERE org = :org AND prescription_id = :prescription_id::uuid ORDER BY number;

-- history_insert  :exec
INSERT INTO prescription_history (org, prescription_id, version, event, state, actor, role, act_id, at)
VALUES (:org, :id::uuid, :version::int8, :event::text, :state::text, :actor, :role::text, :act, :now);
