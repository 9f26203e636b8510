-- Patients and privacy officers are told what the index says, so the service's own role only adds to it.
-- Who wants it made again empties it as the owner.
REVOKE UPDATE, DELETE ON event_index FROM "@service@";
REVOKE DELETE ON event_index_end FROM "@service@";
