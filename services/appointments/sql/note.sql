-- Notes, summaries and what other services told about a visit.

-- row note (id uuid, version int8, author uuid, written_at timestamptz, sealed bytea)
-- row prescription (id uuid, state text)

-- note_insert  :one note  else note_not_inserted  raises note_version ERR_STALE
-- The next version, for a writer who knows the last; :if_match <= 0 is one who knows of none.
INSERT INTO note (org, id, act_id, appointment_id, kind, version, author, written_at, sealed)
SELECT :org, :id::uuid, :act, :appointment_id::uuid, :kind::text, greatest(:if_match::int8, 0) + 1, :actor,
       :now, :sealed::bytea
WHERE greatest(:if_match, 0) = (SELECT coalesce(max(n.version), 0) FROM note AS n WHERE n.org = :org
                                AND n.appointment_id = :appointment_id AND n.kind = :kind)
RETURNING id, version, author, written_at, sealed;

-- note_not_inserted  :one refusal
-- all orgs: looks at no row
SELECT CASE WHEN :if_match::int8 < 0 THEN 'if_match_required' ELSE 'stale' END AS code;

-- note_get  :one note
SELECT id, version, author, written_at, sealed FROM note
WHERE org = :org AND appointment_id = :appointment_id::uuid AND kind = :kind::text
ORDER BY version DESC LIMIT 1;

-- note_last  :one note  else ERR_NOTE_MISSING
SELECT id, version, author, written_at, sealed FROM note
WHERE org = :org AND appointment_id = :appointment_id::uuid AND kind = 'note'
ORDER BY version DESC LIMIT 1;

-- prescriptions_of  :many prescription
SELECT id, state FROM prescription_heard
WHERE org = :org AND visit_id = :visit_id::uuid ORDER BY id LIMIT 50;

-- prescription_upsert  :exec
INSERT INTO prescription_heard AS p (org, id, act_id, visit_id, state, version, epoch)
VALUES (:org, :id::uuid, :act, :visit_id::uuid, :state::text, :version::int8, :epoch::int8)
ON CONFLICT (org, id) DO UPDATE SET
    act_id = excluded.act_id, state = excluded.state, version = excluded.version,
    epoch = excluded.epoch
WHERE (p.epoch, p.version) < (excluded.epoch, excluded.version);

-- presence_upsert  :exec
INSERT INTO presence_heard AS p (org, visit_id, person, seen_at)
VALUES (:org, :visit_id::uuid, :person::uuid, :seen_at::timestamptz)
ON CONFLICT (org, visit_id, person) DO UPDATE SET seen_at = greatest(p.seen_at, excluded.seen_at);
