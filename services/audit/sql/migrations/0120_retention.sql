-- How long bodies can be opened: holds, and the end of a shard's keys, which two persons decide.

-- The half year that a shard is named after.
CREATE FUNCTION shard_begins(shard text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT make_timestamptz(left(shard, 4)::int, CASE right(shard, 1) WHEN '1' THEN 1 ELSE 7 END,
                            1, 0, 0, 0, 'UTC')
$$;
CREATE FUNCTION shard_ends(shard text) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT make_timestamptz(left(shard, 4)::int + CASE right(shard, 1) WHEN '1' THEN 0 ELSE 1 END,
                            CASE right(shard, 1) WHEN '1' THEN 7 ELSE 1 END, 1, 0, 0, 0, 'UTC')
$$;

-- Of the whole log, of one shard, or of every shard that has something of one patient (a pseudonym).
CREATE TABLE hold (
    org         uuid NOT NULL,
    id          uuid NOT NULL,
    act_id      uuid NOT NULL,
    shard       text,
    patient     uuid,
    placed_by   uuid NOT NULL,
    placed_at   timestamptz NOT NULL,
    sealed      bytea NOT NULL,   -- why
    lifted_by   uuid,
    lifted_at   timestamptz,
    lift_sealed bytea,
    version     bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id)
);
CREATE INDEX hold_open ON hold (org) WHERE lifted_at IS NULL;

CREATE TABLE destruction (
    org          uuid NOT NULL,
    id           uuid NOT NULL,
    act_id       uuid NOT NULL,
    shard        text NOT NULL,
    state        text NOT NULL,   -- asked, approved, withdrawn, destroyed, forgotten
    asked_by     uuid NOT NULL,
    asked_at     timestamptz NOT NULL,
    approved_by  uuid,
    approved_at  timestamptz,
    destroyed_at timestamptz,
    keys         bigint,
    statement    text,
    version      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (org, id),
    CHECK (approved_by <> asked_by),
    CHECK (state IN ('asked', 'withdrawn') OR approved_by IS NOT NULL)
);
CREATE UNIQUE INDEX destruction_one ON destruction (org, shard) WHERE state <> 'withdrawn';

-- A patient's hold counts where the index has something of them in that half year, and everywhere while
-- the index is not complete.
CREATE FUNCTION shard_held(of_org uuid, of_shard text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM hold AS h
        WHERE h.org = of_org AND h.lifted_at IS NULL AND (h.shard IS NULL OR h.shard = of_shard)
          AND (h.patient IS NULL
               OR EXISTS (SELECT FROM event_index AS i
                          WHERE i.org = of_org AND i.patient = h.patient
                            AND i.at >= shard_begins(of_shard) AND i.at < shard_ends(of_shard))
               OR NOT EXISTS (SELECT FROM event_index_end AS e JOIN heads.log AS l ON l.org = e.org
                              WHERE e.org = of_org AND l.origin LIKE '%/' || of_shard
                                AND e.next >= l.base + l.size)))
$$;

-- The service's own role takes nothing back from the index but this: what stands in it of a half year
-- whose keys were destroyed, as two persons wanted. A batch.
CREATE FUNCTION index_forget(of_org uuid, of_destruction uuid) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (
        DELETE FROM event_index WHERE (org, event_id) IN (
            SELECT i.org, i.event_id FROM destruction AS d
            JOIN event_index AS i ON i.org = d.org AND i.at >= shard_begins(d.shard)
                AND i.at < shard_ends(d.shard)
            WHERE d.org = of_org AND d.id = of_destruction AND d.state = 'destroyed' LIMIT 2000)
        RETURNING 1)
    SELECT count(*) FROM gone
$$;
REVOKE ALL ON FUNCTION index_forget FROM PUBLIC;
GRANT EXECUTE ON FUNCTION index_forget TO "@service@";
GRANT SELECT, INSERT, UPDATE ON hold, destruction TO "@service@";
