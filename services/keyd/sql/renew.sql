-- Keys that others have taken the place of, and where they may still be named.

-- row dek_former (id uuid, domain text)
-- row dek_renewed (org uuid, patient uuid, domain text, dek_id uuid)

-- deks_renew  :many dek_former
UPDATE dek SET state = 'decrypt_only', changed_at = :now
WHERE org = :org AND patient = :patient::uuid AND state = 'active' AND domain = ANY (:domains::text[])
  AND (:domain?::text IS NULL OR domain = :domain)
RETURNING id, domain;

-- deks_renew_log  :many dek_former
UPDATE dek SET state = 'decrypt_only', changed_at = :now
WHERE org = :org AND domain = :domain::text AND state = 'active' AND patient <> :kept::uuid
RETURNING id, domain;

-- dek_rest_insert  :exec
INSERT INTO dek_rest (org, patient, domain, dek_id, service, renewed_at, due_at)
VALUES (:org, :patient::uuid, :domain::text, :dek_id::uuid, :service::text, :now, :now);

-- dek_rests_of  :many dek_renewed
-- all orgs: a service asks for all that it serves
SELECT org, patient, domain, dek_id FROM dek_rest
WHERE service = :service::text AND due_at <= :now ORDER BY due_at LIMIT 16;

-- dek_rest_clean  :one dek_count
-- Within the grace it is to be said once more after it.
WITH asked AS (
    SELECT r.*, r.renewed_at + make_interval(secs => :grace_s::int8) AS until FROM dek_rest AS r
    WHERE org = :org AND patient = :patient::uuid AND domain = :domain::text AND dek_id = :dek_id::uuid
      AND service = :service::text),
early AS (
    UPDATE dek_rest AS r SET due_at = asked.until FROM asked
    WHERE (r.org, r.dek_id, r.service) = (asked.org, asked.dek_id, asked.service) AND asked.until > :now
    RETURNING r.dek_id),
late AS (
    DELETE FROM dek_rest AS r USING asked
    WHERE (r.org, r.dek_id, r.service) = (asked.org, asked.dek_id, asked.service) AND asked.until <= :now
    RETURNING r.dek_id)
SELECT (SELECT count(*) FROM early) + (SELECT count(*) FROM late) AS n;

-- dek_retire  :one dek_count
-- Once nobody is left to say so.
WITH gone AS (
    UPDATE dek AS d SET state = 'retired', wrapped = NULL, changed_at = :now
    WHERE d.org = :org AND d.patient = :patient::uuid AND d.domain = :domain::text AND d.id = :id::uuid
      AND d.state = 'decrypt_only'
      AND NOT EXISTS (SELECT FROM dek_rest AS r WHERE r.org = d.org AND r.dek_id = d.id)
    RETURNING d.id)
SELECT count(*) AS n FROM gone;

-- dek_rests_forget  :exec
DELETE FROM dek_rest WHERE org = :org AND patient = :patient::uuid;
