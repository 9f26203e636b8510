-- Who was taken out of a visit.

-- row removal (id uuid, visit_id uuid, patient_id uuid, provider_id uuid, person uuid, removed_by uuid,
--     removed_at timestamptz, readmitted_by uuid, readmitted_at timestamptz, version int8)
-- row ended_grant (id uuid, version int8)
-- row removal_id (id uuid)

-- removal_insert  :one removal  else ERR_NOT_FOUND  raises removal_one ERR_CONFLICT
-- Of a member of this house.
INSERT INTO removal (org, id, act_id, visit_id, patient_id, person, removed_by, removed_at)
SELECT :org, :id::uuid, :act, :visit_id::uuid, :patient_id::uuid, m.person, :actor, :now
FROM member AS m WHERE m.org = :org AND m.person = :person::uuid LIMIT 1
RETURNING id, visit_id, patient_id, :actor AS provider_id, person, removed_by, removed_at, readmitted_by,
    readmitted_at, version;

-- removal_get  :one removal
SELECT r.id, r.visit_id, r.patient_id, v.provider_id, r.person, r.removed_by, r.removed_at, r.readmitted_by,
    r.readmitted_at, r.version
FROM removal AS r JOIN visit AS v ON v.org = r.org AND v.id = r.visit_id
WHERE r.org = :org AND r.id = :id::uuid;

-- removal_end  :one removal  else ERR_BAD_STATE
UPDATE removal SET readmitted_by = :actor, readmitted_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND readmitted_at IS NULL
RETURNING id, visit_id, patient_id, :actor AS provider_id, person, removed_by, removed_at, readmitted_by,
    readmitted_at, version;

-- removal_of_actor  :maybe removal_id
-- Asked when the visit's channel is held: a removal comes before or after.
SELECT id FROM removal
WHERE org = :org AND visit_id = :visit_id::uuid AND person = :actor AND readmitted_at IS NULL;

-- grants_end_of_visit  :many ended_grant
UPDATE visit_grant SET revoked_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND visit_id = :visit_id::uuid AND person = :person::uuid AND revoked_at IS NULL
  AND ends_at > :now
RETURNING id, version;
