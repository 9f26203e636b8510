-- The chart.

-- row record (id uuid, patient_id uuid, version int8, kind int4, state text,
--     recorded_at timestamptz, sealed bytea, sealed_version int8, labels int8)

-- record_insert  :one record  raises record_patient ERR_NOT_FOUND
INSERT INTO record (org, id, act_id, patient_id, kind, state, recorded_at, sealed, labels)
VALUES (:org, :id::uuid, :act, :patient_id::uuid, :kind::int4, 'active', :now, :sealed::bytea,
        :labels::int8)
RETURNING id, patient_id, version, kind, state, recorded_at, sealed, sealed_version, labels;

-- record_get  :one record
SELECT id, patient_id, version, kind, state, recorded_at, sealed, sealed_version, labels FROM record
WHERE org = :org AND id = :id::uuid AND state = 'active';

-- records_of  :many record
SELECT id, patient_id, version, kind, state, recorded_at, sealed, sealed_version, labels
FROM record JOIN visible USING (org, patient_id)
WHERE org = :org AND patient_id = :patient_id::uuid AND kind = :kind::int4 AND state = 'active'
  AND labels & hidden = 0
  AND id > :after_id::uuid
ORDER BY id LIMIT :limit::int8;

-- record_update  :one record  else ERR_STALE
UPDATE record SET sealed = :sealed::bytea, labels = :labels::int8, version = version + 1,
    sealed_version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = 'active' AND version = :if_match::int8
RETURNING id, patient_id, version, kind, state, recorded_at, sealed, sealed_version, labels;

-- record_end  :one record  else ERR_STALE
UPDATE record SET state = 'removed', version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND state = 'active' AND version = :if_match::int8
RETURNING id, patient_id, version, kind, state, recorded_at, sealed, sealed_version, labels;
