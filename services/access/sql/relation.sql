-- Who stands how to which patient.

-- row relation (id uuid, person uuid, patient_id uuid, kind text, proof text, visit_id uuid,
--     opened_by uuid, starts_at timestamptz, ends_at timestamptz, version int8)
-- row relation_due (org uuid, id uuid)
-- row relation_fit (serves bool, open bool, ahead bool, young bool)

-- relation_self  :one relation
-- A patient's own.
INSERT INTO relation (org, id, act_id, person, patient_id, kind, proof, starts_at)
VALUES (:org, :id::uuid, :act, :person::uuid, :patient_id::uuid, 'self', 'enrolment', :now)
RETURNING id, person, patient_id, kind, proof, visit_id, opened_by, starts_at, ends_at, version;

-- relation_insert  :one relation  else ERR_UNPROCESSABLE
-- Only for an active member of a role that such a relation serves. It ends at the date that was
-- asked for, when the patient comes of age (:born) or an hour after the one visit that it is for,
-- whichever comes first.
INSERT INTO relation (org, id, act_id, person, patient_id, kind, starts_at, ends_at, proof, visit_id,
                      opened_by, of_age_on, of_age_years)
SELECT :org, :id::uuid, :act, m.person, :patient_id::uuid, :kind::text, :starts_at::timestamptz,
       soonest.at, :proof::text, v.id, :actor, aged.day, aged.years
FROM member AS m
CROSS JOIN LATERAL of_age(:org, :born?::text::date) AS aged
LEFT JOIN visit AS v ON v.org = :org AND v.id = :visit_id?::uuid AND v.patient_id = :patient_id
     AND v.state NOT IN ('completed', 'cancelled', 'no_show')
CROSS JOIN LATERAL (SELECT least(:ends_at?::timestamptz, first_instant(:org, aged.day),
                                 v.ends_at + interval '1 hour') AS at) AS soonest
WHERE m.org = :org AND m.person = :person::uuid AND m.state = 'active' AND m.role = ANY (:roles::text[])
  AND (:visit_id IS NULL OR v.id IS NOT NULL) AND soonest.at > greatest(:starts_at, :now)
RETURNING id, person, patient_id, kind, proof, visit_id, opened_by, starts_at, ends_at, version;

-- relation_fits  :one relation_fit
-- What of a relation that was not inserted is not to blame: the person, the visit, the end, the birth date.
SELECT EXISTS (SELECT FROM member WHERE org = :org AND person = :person::uuid AND state = 'active'
               AND role = ANY (:roles::text[])) AS serves,
       :visit_id?::uuid IS NULL
           OR EXISTS (SELECT FROM visit WHERE org = :org AND id = :visit_id AND patient_id = :patient_id::uuid
                      AND state NOT IN ('completed', 'cancelled', 'no_show')
                      AND ends_at + interval '1 hour' > :now) AS open,
       coalesce(:ends_at?::timestamptz > :now, true) AS ahead,
       coalesce(first_instant(:org, aged.day) > :now, true) AS young
FROM of_age(:org, :born?::text::date) AS aged;

-- guardians_due  :many relation_due
-- all orgs: the law has changed since they were reckoned
SELECT r.org, r.id FROM relation AS r
CROSS JOIN LATERAL of_age(r.org, (r.of_age_on - make_interval(years => r.of_age_years))::date) AS aged
WHERE r.kind = 'guardian' AND r.of_age_years IS NOT NULL AND r.ends_at > :now AND aged.day <> r.of_age_on
LIMIT 100;

-- relation_aged  :one relation  else ERR_BAD_STATE
-- By the law as it is now; an end that was asked for and comes first stands.
UPDATE relation AS r SET of_age_on = aged.day, of_age_years = aged.years, version = r.version + 1,
    act_id = :act, ends_at = CASE WHEN r.ends_at < first_instant(:org, r.of_age_on)
                                  THEN least(r.ends_at, first_instant(:org, aged.day))
                                  ELSE first_instant(:org, aged.day) END
FROM (SELECT g.id, now_is.day, now_is.years FROM relation AS g
      CROSS JOIN LATERAL of_age(g.org, (g.of_age_on - make_interval(years => g.of_age_years))::date) AS now_is
      WHERE g.org = :org AND g.id = :id::uuid) AS aged
WHERE r.org = :org AND r.id = aged.id AND r.ends_at > :now AND aged.day <> r.of_age_on
RETURNING r.id, r.person, r.patient_id, r.kind, r.proof, r.visit_id, r.opened_by, r.starts_at, r.ends_at,
          r.version;

-- relation_get  :one relation
SELECT id, person, patient_id, kind, proof, visit_id, opened_by, starts_at, ends_at, version
FROM relation WHERE org = :org AND id = :id::uuid;

-- relation_labels  :one tally
-- As sensitive as the visit that it is by, whose id `booked` has, or that it is for.
SELECT coalesce(v.labels, 0) AS n
FROM relation AS r LEFT JOIN visit AS v ON v.org = r.org AND v.id = coalesce(r.visit_id, r.id)
WHERE r.org = :org AND r.id = :id::uuid;

-- relations_list  :many relation
SELECT r.id, r.person, r.patient_id, r.kind, r.proof, r.visit_id, r.opened_by, r.starts_at, r.ends_at, r.version
FROM relation AS r JOIN visible USING (org, patient_id)
LEFT JOIN visit AS v ON v.org = r.org AND v.id = coalesce(r.visit_id, r.id)
WHERE r.org = :org AND r.id > :after_id::uuid AND coalesce(v.labels, 0) & hidden = 0
  AND (:patient_id?::uuid IS NULL OR r.patient_id = :patient_id)
  AND (:person?::uuid IS NULL OR r.person = :person)
ORDER BY r.id LIMIT :limit::int8;

-- relations_hold  :many relation_due
-- All of one person to one patient, until COMMIT and in one order: of two that are closed at once the
-- second sees the first.
SELECT org, id FROM relation WHERE org = :org AND person = :person::uuid AND patient_id = :patient_id::uuid
ORDER BY id LIMIT 1000 FOR UPDATE;

-- relation_end  :one relation  else ERR_BAD_STATE
-- What a person is to themselves does not end, and broken glass is ended as such (glass_end_now).
UPDATE relation SET ends_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND kind NOT IN ('self', 'break_glass') AND (ends_at IS NULL OR ends_at > :now)
RETURNING id, person, patient_id, kind, proof, visit_id, opened_by, starts_at, ends_at, version;

-- relation_of_glass  :one relation
-- Of the break-glass whose id it has.
INSERT INTO relation (org, id, act_id, person, patient_id, kind, proof, starts_at, ends_at, opened_by)
VALUES (:org, :id::uuid, :act, :actor, :patient_id::uuid, 'break_glass', 'emergency', :now,
        :ends_at::timestamptz, :actor)
RETURNING id, person, patient_id, kind, proof, visit_id, opened_by, starts_at, ends_at, version;

-- relation_of_glass_end  :one relation
UPDATE relation SET ends_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND kind = 'break_glass'
RETURNING id, person, patient_id, kind, proof, visit_id, opened_by, starts_at, ends_at, version;

-- relations_of_visit_end  :many relation
-- Its guests are guests no more.
UPDATE relation SET ends_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND visit_id = :visit_id::uuid AND ends_at > :now
RETURNING id, person, patient_id, kind, proof, visit_id, opened_by, starts_at, ends_at, version;

-- relation_booked  :maybe relation
-- A clinician's by a visit, from its booking until :care_days after its end. Nothing when known, nor of
-- who was erased, nor when it has ended: a late word of a visit brings nobody back. The visit's version
-- decides what is news (visit_learn); the relation has its own, for the desk ends it too.
INSERT INTO relation (org, id, act_id, person, patient_id, kind, proof, starts_at, ends_at)
SELECT :org, :id::uuid, :act, :person::uuid, :patient_id::uuid, 'booked', 'visit', :now,
       :visit_ends_at::timestamptz + :care_days::int4 * interval '1 day'
WHERE NOT EXISTS (SELECT FROM erasure AS e
                  WHERE e.org = :org AND e.patient_id = :patient_id AND e.state = 'erased')
ON CONFLICT (org, id) DO UPDATE SET
    person = excluded.person, patient_id = excluded.patient_id, ends_at = excluded.ends_at,
    act_id = excluded.act_id, version = relation.version + 1
WHERE relation.ends_at > :now
  AND (relation.person, relation.patient_id, relation.ends_at)
      IS DISTINCT FROM (excluded.person, excluded.patient_id, excluded.ends_at)
RETURNING id, person, patient_id, kind, proof, visit_id, opened_by, starts_at, ends_at, version;

-- relation_unbooked  :maybe relation
-- Its visit was cancelled.
UPDATE relation SET ends_at = :now, version = version + 1, act_id = :act
WHERE org = :org AND id = :id::uuid AND kind = 'booked' AND ends_at > :now
RETURNING id, person, patient_id, kind, proof, visit_id, opened_by, starts_at, ends_at, version;
