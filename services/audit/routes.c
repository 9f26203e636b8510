#include "services/audit/audit.h"

/* clang-format off */
const struct route audit_routes[] = {
    {GET, "/v1/audit/checkpoint", PERMISSION_NONE, AUDIT_NONE, NULL, 2000, checkpoint_read_default,
     .about = "The signed checkpoint of the installation's default log (C2SP tlog-checkpoint)."},
    {GET, "/v1/audit/tile/entries/*", READ_AUDIT, AUDIT_AUDIT_READ, NULL, 5000,
     entries_read_default, .about = "A bundle of sealed entries of your organisation's log."},
    {GET, "/v1/audit/tile/*", PERMISSION_NONE, AUDIT_NONE, NULL, 2000, tile_read_default,
     .about = "A tile of hashes of the default log (C2SP tlog-tiles)."},

    {GET, "/v1/audit/proof", READ_AUDIT, AUDIT_AUDIT_READ, &proof_query_shape, 2000, proof_read,
     .about = "That an event is in the log: C2SP tlog-proof, to be checked offline."},
    {GET, "/v1/audit/events", READ_AUDIT, AUDIT_AUDIT_SEARCHED, &search_query_shape, 5000,
     events_find, .reply = &event_shape, .list = true,
     .about = "Events by person, patient, thing, address, action, outcome and time, newest first."},
    {GET, "/v1/audit/breach", SCOPE_BREACH, AUDIT_BREACH_SCOPED, &breach_query_shape, 10000,
     breach_scope, .reply = &touched_shape, .list = true,
     .about = "Whose data a person, an address or a key has reached in a period."},
    {GET, "/v1/audit/events/{id}", READ_AUDIT, AUDIT_AUDIT_READ, NULL, 2000, event_read,
     .reply = &event_shape,
     .about = "One event: who did what, when, about whom, with what outcome."},
    {GET, "/v1/audit/patients/{id}/events", READ_OWN_AUDIT, AUDIT_AUDIT_READ, &events_query_shape,
     5000, events_about, .reply = &access_shape, .list = true,
     .about = "Who has seen or changed what of a patient, newest first."},

    {GET, "/v1/audit/patients/{id}/disclosures", READ_OWN_AUDIT, AUDIT_DISCLOSURES_READ,
     &events_query_shape, 5000, disclosures_about, .reply = &disclosure_shape, .list = true,
     .about = "What of a patient went to whom outside, and for what."},
    {GET, "/v1/audit/access-review", REVIEW_ACCESS, AUDIT_ACCESS_REVIEWED, &review_query_shape, 5000,
     access_review, .reply = &reviewed_shape, .list = true,
     .about = "Who has which role, to how many patients, and when they last did anything."},

    {GET, "/v1/audit/incidents", READ_AUDIT, AUDIT_AUDIT_READ, &incidents_query_shape, 2000,
     incidents_list, .reply = &incident_shape, .list = true,
     .about = "What the log was sent and did not believe, newest first."},

    {GET, "/v1/audit/{id}/consistency", PERMISSION_NONE, AUDIT_NONE, &consistency_query_shape, 2000,
     consistency_read, .about = "That the log begins with the tree of `old` entries: `old`, path "
     "and checkpoint, as a C2SP tlog-witness takes them."},
    {GET, "/v1/audit/{id}/checkpoint", PERMISSION_NONE, AUDIT_NONE, NULL, 2000, checkpoint_read,
     .about = "The signed checkpoint of an organisation's log."},
    {GET, "/v1/audit/{id}/tile/entries/*", READ_AUDIT, AUDIT_AUDIT_READ, NULL, 5000, entries_read,
     .about = "A bundle of sealed entries of an organisation's log."},
    {GET, "/v1/audit/{id}/tile/*", PERMISSION_NONE, AUDIT_NONE, NULL, 2000, tile_read,
     .about = "A tile of hashes of an organisation's log."},

    {GET, "/v1/audit/{id}/shards", PERMISSION_NONE, AUDIT_NONE, NULL, 2000, shards_list,
     .reply = &published_shard_shape, .list = true,
     .about = "The half-yearly shards of an organisation's log: name, verifying key, prefix."},
    {GET, "/v1/audit/{id}/{shard}/consistency", PERMISSION_NONE, AUDIT_NONE,
     &consistency_query_shape, 2000, shard_consistency_read,
     .about = "The same of one shard."},
    {GET, "/v1/audit/{id}/{shard}/checkpoint", PERMISSION_NONE, AUDIT_NONE, NULL, 2000,
     shard_checkpoint_read, .about = "The signed checkpoint of one shard; if closed, its last."},
    {GET, "/v1/audit/{id}/{shard}/tile/entries/*", READ_AUDIT, AUDIT_AUDIT_READ, NULL, 5000,
     shard_entries_read, .about = "A bundle of sealed entries of one shard."},
    {GET, "/v1/audit/{id}/{shard}/tile/*", PERMISSION_NONE, AUDIT_NONE, NULL, 2000,
     shard_tile_read, .about = "A tile of hashes of one shard."},
    {0},
};
/* clang-format on */
