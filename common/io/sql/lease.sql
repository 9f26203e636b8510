-- Leases: who does what only one may do.

-- row lease_held (epoch bigint)

-- lease_take  :maybe lease_held
-- Takes a free or expired lease or keeps one's own; no row: somebody else holds it. Every new
-- holder raises the epoch.
-- lease
-- all orgs: a process works for all of them
INSERT INTO lease (name, holder, epoch, until)
VALUES (:name::text, :holder::uuid, 1, clock_timestamp() + :ttl_ms::int8 * interval '1 ms')
ON CONFLICT (name) DO UPDATE SET
    holder = excluded.holder, until = excluded.until,
    epoch = lease.epoch + CASE WHEN lease.holder = excluded.holder THEN 0 ELSE 1 END
WHERE lease.holder = excluded.holder OR lease.until < clock_timestamp()
RETURNING epoch;

-- lease_fence  :maybe lease_held
-- Until this transaction ends nobody can take the lease; no row: it is no longer ours.
-- all orgs: as above
SELECT epoch FROM lease
WHERE name = :name::text AND holder = :holder::uuid AND epoch = :epoch::int8 FOR UPDATE;

-- lease_drop  :exec
-- lease
-- all orgs: as above
UPDATE lease SET until = clock_timestamp() - interval '1 ms'
WHERE name = :name::text AND holder = :holder::uuid;
