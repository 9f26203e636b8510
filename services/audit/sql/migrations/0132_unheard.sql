-- Who tells nothing more, and whose records do not come.

-- due_*: the first number that a heartbeat has told and that is not there yet, and when it was told; a number that
-- is there is replaced by what the next heartbeat tells.
-- told_ms: the last heartbeat's own time, so that one that is played again tells nothing.
ALTER TABLE producer ADD COLUMN due_seq bigint NOT NULL DEFAULT 0, ADD COLUMN due_at timestamptz,
    ADD COLUMN told_ms bigint NOT NULL DEFAULT 0;
UPDATE producer SET told_at = coalesce(told_at, now()), due_seq = told_seq, due_at = coalesce(told_at, now());

-- What is waited for of each producer, and since when. Without a time nothing is.
CREATE VIEW unheard AS
SELECT org, name AS producer, 'silent' AS kind, epoch, told_seq AS seq, told_at AS since FROM producer
UNION ALL
SELECT org, name, 'behind', epoch, due_seq, due_at FROM producer WHERE due_seq > seq;
GRANT SELECT ON unheard TO "@service@";
