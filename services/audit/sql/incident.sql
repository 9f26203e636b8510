-- What was heard and not believed, for who asks.

-- row incident (id uuid, kind text, producer text, epoch int8, seq int8, event_id uuid, times int8, first_at timestamptz, last_at timestamptz, closed_at timestamptz)

-- incidents_between  :many incident
-- Newest first; a state that is not asked for is null.
SELECT id, kind, producer, epoch, seq, event_id, times, first_at, last_at, closed_at FROM incident
WHERE org = :org AND (first_at, id) < (:before::timestamptz, :before_id::uuid)
  AND (:state?::text IS NULL OR (closed_at IS NULL) = (:state = 'open'))
ORDER BY first_at DESC, id DESC LIMIT :limit::int8;
