-- Grants: who may enter which visit's channel and call, and what they rest on.

-- row visit (id uuid, patient_id uuid, provider_id uuid, state text, starts_at timestamptz,
--     ends_at timestamptz, labels int8, version int8)
-- row visit_was (state text)
-- row ground (consent uuid, noted text, ends_at timestamptz, relation_ends_at timestamptz)
-- row channel (channel_id uuid)
-- row visit_grant (id uuid, visit_id uuid, patient_id uuid, provider_id uuid, channel_id uuid,
--     person uuid, seat text, minted_at timestamptz, ends_at timestamptz, revoked_at timestamptz,
--     labels int8, version int8)

-- visit_learn  :maybe visit_was
-- The state that it had before, empty when it is new; nothing when this is old news. A pass knows no
-- epoch (0): against it, and after it, the version alone decides.
WITH old AS (SELECT state FROM visit WHERE org = :org AND id = :id::uuid)
INSERT INTO visit (org, id, act_id, patient_id, provider_id, state, starts_at, ends_at, labels, version,
                   epoch)
VALUES (:org, :id::uuid, :act, :patient_id::uuid, :provider_id::uuid, :state::text,
        :starts_at::timestamptz, :ends_at::timestamptz, :labels::int8, :version::int8, :epoch::int8)
ON CONFLICT (org, id) DO UPDATE SET
    patient_id = excluded.patient_id, provider_id = excluded.provider_id, state = excluded.state,
    starts_at = excluded.starts_at, ends_at = excluded.ends_at, labels = excluded.labels,
    act_id = excluded.act_id,
    version = excluded.version, epoch = greatest(visit.epoch, excluded.epoch)
WHERE CASE WHEN 0 IN (visit.epoch, excluded.epoch) THEN visit.version < excluded.version
           ELSE (visit.epoch, visit.version) < (excluded.epoch, excluded.version) END
RETURNING coalesce((SELECT old.state FROM old), '') AS state;

-- visit_get  :one visit
-- Held until what is given for it is committed: new labels come before or after a grant.
SELECT id, patient_id, provider_id, state, starts_at, ends_at, labels, version
FROM visit WHERE org = :org AND id = :id::uuid FOR SHARE;

-- grant_ground  :one ground  else ERR_CONSENT_REQUIRED
-- Consent and relation, held until the grant is committed: a revocation comes before or after it.
-- act_allow() has asked for the relation before, so nothing here means that the consent is missing,
-- or that a guest was asked to another visit. Of several relations it rests on the one that lasts.
SELECT c.id AS consent, set_config('telecura.consent', c.id::text, true) AS noted, c.ends_at,
       r.ends_at AS relation_ends_at
FROM consent AS c JOIN relation AS r ON r.org = c.org AND r.patient_id = c.patient_id
WHERE c.org = :org AND c.patient_id = :patient_id::uuid AND c.scope = 'telehealth'
  AND c.state = 'active' AND c.starts_at <= :now AND (c.ends_at IS NULL OR c.ends_at > :now)
  AND r.person = :actor AND (r.visit_id IS NULL OR r.visit_id = :visit_id::uuid)
  AND r.starts_at <= :now AND (r.ends_at IS NULL OR r.ends_at > :now)
ORDER BY r.ends_at DESC NULLS FIRST, r.id LIMIT 1
FOR SHARE OF c, r;

-- channel_of  :one channel
INSERT INTO visit_channel (org, visit_id, channel_id) VALUES (:org, :visit_id::uuid, :channel_id::uuid)
ON CONFLICT (org, visit_id) DO UPDATE SET visit_id = excluded.visit_id
RETURNING channel_id;

-- grant_insert  :exec
INSERT INTO visit_grant (org, id, act_id, visit_id, person, seat, minted_at, ends_at)
VALUES (:org, :id::uuid, :act, :visit_id::uuid, :actor, :seat::text, :minted_at::timestamptz,
        :ends_at::timestamptz);

-- grant_get  :one visit_grant
SELECT g.id, g.visit_id, v.patient_id, v.provider_id, c.channel_id, g.person, g.seat, g.minted_at,
       g.ends_at, g.revoked_at, v.labels, g.version
FROM visit_grant AS g
JOIN visit AS v ON v.org = g.org AND v.id = g.visit_id
JOIN visit_channel AS c ON c.org = g.org AND c.visit_id = g.visit_id
WHERE g.org = :org AND g.id = :id::uuid;

-- grant_end  :one tally  else ERR_BAD_STATE
UPDATE visit_grant SET revoked_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND revoked_at IS NULL
RETURNING version AS n;

-- grants_end_of_patient  :many ended_grant
-- Of everybody, to any visit of theirs.
UPDATE visit_grant AS g SET revoked_at = :now, version = g.version + 1, act_id = :act FROM visit AS v
WHERE v.org = :org AND v.patient_id = :patient_id::uuid AND g.org = v.org AND g.visit_id = v.id
  AND g.revoked_at IS NULL AND g.ends_at > :now
RETURNING g.id, g.version;

-- grants_end_of_relation  :many ended_grant
-- Of somebody to a patient's visits, that rest on no other relation: broken glass opens none. Each act has a
-- now of its own, and so has each replica: what ends within a minute has ended.
UPDATE visit_grant AS g SET revoked_at = :now, version = g.version + 1, act_id = :act FROM visit AS v
WHERE v.org = :org AND v.patient_id = :patient_id::uuid AND g.org = v.org AND g.visit_id = v.id
  AND g.person = :person::uuid AND g.revoked_at IS NULL AND g.ends_at > :now
  AND NOT EXISTS (SELECT FROM relation AS r
                  WHERE r.org = :org AND r.person = :person AND r.patient_id = :patient_id
                    AND r.kind <> 'break_glass' AND (r.visit_id IS NULL OR r.visit_id = v.id)
                    AND r.starts_at <= :now AND (r.ends_at IS NULL OR r.ends_at > :now + interval '1 minute'))
RETURNING g.id, g.version;

-- grants_end_of_roles  :many ended_grant
-- Of those whom a visit is not for any more. Who came by a link is no member.
UPDATE visit_grant AS g SET revoked_at = :now, version = g.version + 1, act_id = :act
WHERE g.org = :org AND g.visit_id = :visit_id::uuid AND g.revoked_at IS NULL AND g.ends_at > :now
  AND coalesce((SELECT m.role FROM member AS m WHERE m.org = g.org AND m.person = g.person), 'guest')
      = ANY (:roles::text[])
RETURNING g.id, g.version;

-- grants_end_of_person  :exec
UPDATE visit_grant SET revoked_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND person = :person::uuid AND revoked_at IS NULL AND ends_at > :now;
