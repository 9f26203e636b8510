-- Guests: who was asked to one visit by a one-time link.

-- row guest (id uuid, visit_id uuid, patient_id uuid, proof text, sealed bytea, invited_by uuid,
--     invited_at timestamptz, expires_at timestamptz, tries int8, device bytea,
--     entered_at timestamptz, ended_at timestamptz, provider_id uuid, labels int8, version int8)

-- guest_visit  :one visit
-- Locked: how many guests it has is counted behind it.
SELECT id, patient_id, provider_id, state, starts_at, ends_at, labels, version
FROM visit WHERE org = :org AND id = :id::uuid FOR NO KEY UPDATE;

-- guest_insert  :one guest  else ERR_GUESTS_FULL
INSERT INTO guest_link (org, id, act_id, visit_id, patient_id, hash, proof, sealed, invited_by,
                        invited_at, expires_at)
SELECT :org, :id::uuid, :act, v.id, v.patient_id, :hash::bytea, :proof::text, :sealed::bytea, :actor,
       :now, :expires_at::timestamptz
FROM visit AS v
WHERE v.org = :org AND v.id = :visit_id::uuid AND :most::int8 > (
    SELECT count(*) FROM guest_link AS g
    WHERE g.org = :org AND g.visit_id = v.id AND g.ended_at IS NULL
      AND (g.entered_at IS NOT NULL OR g.expires_at > :now))
RETURNING id, visit_id, patient_id, proof, sealed, invited_by, invited_at, expires_at, tries::int8,
          device, entered_at, ended_at,
          (SELECT provider_id FROM visit WHERE org = :org AND id = :visit_id) AS provider_id,
          (SELECT labels FROM visit WHERE org = :org AND id = :visit_id) AS labels, version;

-- guest_get  :one guest
SELECT g.id, g.visit_id, g.patient_id, g.proof, g.sealed, g.invited_by, g.invited_at, g.expires_at,
       g.tries::int8, g.device, g.entered_at, g.ended_at, v.provider_id, v.labels, g.version
FROM guest_link AS g JOIN visit AS v ON v.org = g.org AND v.id = g.visit_id
WHERE g.org = :org AND g.id = :id::uuid;

-- guests_list  :many guest
SELECT g.id, g.visit_id, g.patient_id, g.proof, g.sealed, g.invited_by, g.invited_at, g.expires_at,
       g.tries::int8, g.device, g.entered_at, g.ended_at, v.provider_id, v.labels, g.version
FROM guest_link AS g
JOIN visible USING (org, patient_id)
JOIN visit AS v ON v.org = g.org AND v.id = g.visit_id
WHERE g.org = :org AND g.id > :after_id::uuid AND (visible.hidden & v.labels) = 0
  AND (:visit_id?::uuid IS NULL OR g.visit_id = :visit_id)
  AND (:provider?::uuid IS NULL OR v.provider_id = :provider)
ORDER BY g.id LIMIT :limit::int8;

-- guest_find  :maybe guest
-- Locked: of many that try the same link at once each is counted before the next one looks.
SELECT g.id, g.visit_id, g.patient_id, g.proof, g.sealed, g.invited_by, g.invited_at, g.expires_at,
       g.tries::int8, g.device, g.entered_at, g.ended_at, v.provider_id, v.labels, g.version
FROM guest_link AS g JOIN visit AS v ON v.org = g.org AND v.id = g.visit_id
WHERE g.org = :org AND g.hash = :hash::bytea
FOR NO KEY UPDATE OF g;

-- guest_missed  :exec
-- Somebody typed what it does not ask for.
UPDATE guest_link SET tries = tries + 1, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid;

-- guest_entered  :exec
UPDATE guest_link SET device = :device::bytea, entered_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid;

-- guest_over  :one guest  else ERR_BAD_STATE
UPDATE guest_link AS g SET ended_at = :now, version = g.version + 1, act_id = :act
FROM visit AS v
WHERE g.org = :org AND g.id = :id::uuid AND g.ended_at IS NULL AND v.org = g.org AND v.id = g.visit_id
RETURNING g.id, g.visit_id, g.patient_id, g.proof, g.sealed, g.invited_by, g.invited_at, g.expires_at,
          g.tries::int8, g.device, g.entered_at, g.ended_at, v.provider_id, v.labels, g.version;

-- guests_of_visit_over  :exec
UPDATE guest_link SET ended_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND visit_id = :visit_id::uuid AND ended_at IS NULL;

-- relation_invited  :one relation
-- A guest's, until an hour after the visit; no member of anything.
INSERT INTO relation (org, id, act_id, person, patient_id, kind, starts_at, ends_at, proof, visit_id,
                      opened_by)
SELECT :org, :id::uuid, :act, :id, v.patient_id, 'guest', :now,
       greatest(v.ends_at, :now) + interval '1 hour', 'invitation', v.id, :actor
FROM visit AS v WHERE v.org = :org AND v.id = :visit_id::uuid
RETURNING id, person, patient_id, kind, proof, visit_id, opened_by, starts_at, ends_at, version;

-- relation_of_guest_end  :many relation
UPDATE relation SET ends_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND ends_at > :now
RETURNING id, person, patient_id, kind, proof, visit_id, opened_by, starts_at, ends_at, version;
