-- People, their memberships, and how a first sign-in finds them.

-- row member (org uuid, id uuid, person uuid, role text, state text, patient_id uuid, language text,
--     issuer text, subject text, sealed bytea, version int8)
-- row membership (org uuid, id uuid, person uuid, role text, patient_id uuid, language text,
--     sealed bytea, version int8, org_name text)
-- row code_holder (person uuid)
-- row behind (person uuid)
-- row tally (n int8)
-- row refusal (code text)
-- row site (id uuid, name text, time_zone text)

-- member_insert  :one member  raises member_one ERR_CONFLICT  raises member_patient ERR_CONFLICT
-- raises member_subject ERR_CONFLICT
INSERT INTO member (org, id, act_id, person, role, state, issuer, subject, patient, language, sealed)
VALUES (:org, :id::uuid, :act, :person::uuid, :role::text, 'active', :issuer?::text, :subject?::text,
        :patient_id?::uuid, :language::text, :sealed::bytea)
RETURNING org, id, person, role, state, patient AS patient_id, language, issuer, subject, sealed, version;

-- member_get  :one member
SELECT org, id, person, role, state, patient AS patient_id, language, issuer, subject, sealed, version
FROM member WHERE org = :org AND person = :person::uuid;

-- members_behind  :many behind
SELECT b.person FROM who_is_behind(:org, :person::uuid) AS b;

-- member_known  :maybe member
SELECT org, id, person, role, state, patient AS patient_id, language, issuer, subject, sealed, version
FROM member
WHERE org = :org AND issuer = :issuer::text AND subject = :subject::text AND role = :role::text;

-- members_list  :many member
-- Staff, and the patients whom the actor may see. An outsider sees the clinicians and themselves.
SELECT m.org, m.id, m.person, m.role, m.state, m.patient AS patient_id, m.language, m.issuer, m.subject,
       m.sealed, m.version
FROM member AS m
WHERE m.org = :org AND m.id > :after_id::uuid AND (:role?::text IS NULL OR m.role = :role)
  AND (m.patient IS NULL OR EXISTS (
      SELECT FROM visible AS v WHERE v.org = m.org AND v.patient_id = m.patient))
  AND (NOT :outsider::bool OR m.person = :actor OR (m.role = 'clinician' AND m.state = 'active'))
ORDER BY m.id LIMIT :limit::int8;

-- member_disable  :one member  else member_not_disabled
UPDATE member SET state = 'disabled', version = version + 1, act_id = :act
WHERE org = :org AND person = :person::uuid AND state = 'active'
RETURNING org, id, person, role, state, patient AS patient_id, language, issuer, subject, sealed, version;

-- member_not_disabled  :one refusal
SELECT 'bad_state' AS code FROM member WHERE org = :org AND person = :person::uuid;

-- member_elsewhere  :one tally
-- all orgs: a person who is disabled here may still work there
SELECT count(*) AS n FROM member
WHERE person = :person::uuid AND org <> :org AND state = 'active';

-- memberships_of  :many membership
-- all orgs: a sign-in asks where it is somebody
SELECT m.org, m.id, m.person, m.role, m.patient AS patient_id, m.language, m.sealed, m.version,
       coalesce(o.name, '') AS org_name
FROM member AS m LEFT JOIN organisation AS o ON o.org = m.org
WHERE m.issuer = :issuer::text AND m.subject = :subject::text AND m.state = 'active'
ORDER BY m.id LIMIT 50;

-- code_insert  :exec
INSERT INTO sign_in_code (org, hash, person, issued_by, issued_at, expires_at)
VALUES (:org, :hash::bytea, :person::uuid, :actor, :now, :expires_at::timestamptz);

-- codes_cancel  :exec
DELETE FROM sign_in_code WHERE org = :org AND person = :person::uuid AND used_at IS NULL;

-- code_use  :one code_holder  else code_not_used
-- Once: a second user of the same code waits for the first and finds it used. Nobody makes themselves
-- somebody: not who issued it, in whichever of their roles.
UPDATE sign_in_code AS c SET used_at = :now
WHERE c.org = :org AND c.hash = :hash::bytea AND c.used_at IS NULL AND c.expires_at > :now
  AND NOT EXISTS (SELECT FROM member AS m WHERE m.org = :org AND m.person = c.issued_by
                  AND m.issuer = :issuer::text AND m.subject = :subject::text)
RETURNING c.person;

-- code_not_used  :one refusal
SELECT CASE WHEN EXISTS (SELECT FROM sign_in_code AS c JOIN member AS m ON m.org = c.org AND m.person = c.issued_by
                         WHERE c.org = :org AND c.hash = :hash::bytea AND c.used_at IS NULL
                         AND m.issuer = :issuer::text AND m.subject = :subject::text)
            THEN 'second_person_required' ELSE 'code_invalid' END AS code;

-- member_bind  :one member  else member_not_bound  raises member_subject ERR_CONFLICT
UPDATE member AS m SET issuer = :issuer::text, subject = :subject::text, version = m.version + 1,
    act_id = :act
WHERE m.org = :org AND m.person = :person::uuid AND m.state = 'active' AND m.issuer IS NULL
  AND (m.role = 'client') = :machine::bool
  AND NOT EXISTS (SELECT FROM member AS other WHERE other.org = :org AND other.issuer = :issuer
                  AND other.subject = :subject AND other.role = m.role)
RETURNING m.org, m.id, m.person, m.role, m.state, m.patient AS patient_id, m.language, m.issuer,
          m.subject, m.sealed, m.version;

-- member_not_bound  :one refusal
SELECT CASE WHEN EXISTS (SELECT FROM member AS other, member AS m
                         WHERE m.org = :org AND m.person = :person::uuid AND other.org = :org
                         AND other.issuer = :issuer::text AND other.subject = :subject::text
                         AND other.role = m.role)
            THEN 'conflict' ELSE 'code_invalid' END AS code;

-- organisation_put  :exec
INSERT INTO organisation (org, name, created_at) VALUES (:org, :name::text, :now) ON CONFLICT DO NOTHING;

-- organisation_known  :one tally  else ERR_NOT_FOUND
SELECT 1::int8 AS n FROM organisation WHERE org = :org;

-- site_put  :exec
INSERT INTO site (org, id, name, time_zone) VALUES (:org, :id::uuid, :name::text, :time_zone::text)
ON CONFLICT DO NOTHING;

-- sites_list  :many site
SELECT id, name, time_zone FROM site WHERE org = :org ORDER BY name, id LIMIT 200;

-- operator_is  :one tally  else ERR_FORBIDDEN
-- all orgs: who operates the installation is the one that was named, else the first that there was
SELECT 1::int8 AS n
WHERE :org = coalesce(nullif(:named::uuid, '00000000-0000-0000-0000-000000000000'),
                      (SELECT o.org FROM organisation AS o ORDER BY o.created_at, o.org LIMIT 1), :org);
