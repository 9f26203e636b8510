-- What a check looks at: the formulary, allergies and visits as heard.

-- row drug (code text, name text, ingredient text, drug_class text, dose_min_micrograms int8,
--     dose_max_micrograms int8, daily_max_micrograms int8)
-- row allergen (system text, code text)
-- row allergy (id uuid, version int8, sealed bytea)
-- row visit_of (id uuid, labels int8)

-- drugs  :many drug
SELECT DISTINCT ON (code) code, name, ingredient, drug_class, dose_min_micrograms,
       dose_max_micrograms, daily_max_micrograms
FROM formulary WHERE org IN (:org, '00000000-0000-0000-0000-000000000000')
ORDER BY code, org DESC;

-- drug_get  :one drug  else ERR_UNPROCESSABLE
SELECT code, name, ingredient, drug_class, dose_min_micrograms, dose_max_micrograms,
       daily_max_micrograms
FROM formulary WHERE org IN (:org, '00000000-0000-0000-0000-000000000000') AND code = :code::text
ORDER BY org DESC LIMIT 1;

-- patient_hold  :exec
-- To the end of the transaction: of two that are signed at once, the second sees the first.
SELECT pg_advisory_xact_lock(hashtextextended(:org::text || :patient_id::uuid::text, 0));

-- allergens_of  :many allergen
SELECT system, code FROM allergen
WHERE org IN (:org, '00000000-0000-0000-0000-000000000000') AND drug_class = :drug_class::text;

-- allergies_of  :many allergy
SELECT id, version, sealed FROM allergy_heard
WHERE org = :org AND patient_id = :patient_id::uuid AND NOT removed ORDER BY id LIMIT 200;

-- visit_find  :one visit_of  else visit_not_found
-- The patient's own visit, and known here.
SELECT id, labels FROM visit_heard WHERE org = :org AND id = :id::uuid AND patient_id = :patient_id::uuid;

-- visit_not_found  :one refusal
-- Another patient's, or one that appointments has not told of.
SELECT CASE WHEN EXISTS (SELECT FROM visit_heard WHERE org = :org AND id = :id::uuid)
       THEN 'unprocessable' ELSE 'not_heard_yet' END AS code;

-- visit_upsert  :exec
INSERT INTO visit_heard AS v (org, id, act_id, patient_id, labels, version, epoch)
VALUES (:org, :id::uuid, :act, :patient_id::uuid, :labels::int8, :version::int8, :epoch::int8)
ON CONFLICT (org, id) DO UPDATE SET
    act_id = excluded.act_id, patient_id = excluded.patient_id, labels = excluded.labels,
    version = excluded.version,
    epoch = excluded.epoch
WHERE (v.epoch, v.version) < (excluded.epoch, excluded.version);

-- allergy_upsert  :exec
INSERT INTO allergy_heard AS a (org, id, act_id, patient_id, sealed, version, epoch)
VALUES (:org, :id::uuid, :act, :patient_id::uuid, :sealed::bytea, :version::int8, :epoch::int8)
ON CONFLICT (org, id) DO UPDATE SET
    act_id = excluded.act_id, patient_id = excluded.patient_id, removed = false,
    sealed = excluded.sealed,
    version = excluded.version, epoch = excluded.epoch
WHERE (a.epoch, a.version) < (excluded.epoch, excluded.version);

-- allergy_remove  :exec
-- Of other records there is no row here.
UPDATE allergy_heard SET removed = true, sealed = NULL, version = :version::int8, epoch = :epoch::int8,
    act_id = :act
WHERE org = :org AND id = :id::uuid AND (epoch, version) < (:epoch, :version);
