-- A list shows whom one reaches; `hidden` says which labels (a bit each, labels.def) a row of theirs
-- must not have: fewer for those whom one reaches by a relation of one's own.
CREATE OR REPLACE VIEW visible AS
SELECT r.org, r.patient_id,
       bit_and(CASE WHEN r.person = current_setting('telecura.actor')::uuid
                     AND r.kind = ANY (string_to_array(current_setting('telecura.kinds'), ','))
                    THEN coalesce(current_setting('telecura.near', true), '-1')::int8
                    ELSE coalesce(current_setting('telecura.far', true), '-1')::int8 END) AS hidden
FROM relation AS r
WHERE r.org = current_setting('telecura.org')::uuid
  AND ((r.person = current_setting('telecura.actor')::uuid
        AND r.kind = ANY (string_to_array(current_setting('telecura.kinds'), ',')))
       OR (current_setting('telecura.site') = 't' AND r.kind = 'self'))
  AND r.starts_at <= current_setting('telecura.now')::timestamptz
  AND (r.ends_at IS NULL OR r.ends_at > current_setting('telecura.now')::timestamptz)
GROUP BY r.org, r.patient_id
HAVING current_setting('telecura.site') <> 't' OR bool_or(r.kind = 'self');
