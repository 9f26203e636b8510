/*
 * audit - the tamper-evident log: what producers send is checked against their chains, staged,
 * appended by one sequencer, and can be read, proved and reported.
 *
 *   record.c     a producer's record: MAC, chain, an `entry`, and it waits     (consumer thread)
 *   sequencer.c  waiting leaves become the next signed tree, then receipts     (effects thread)
 *   log.c        one shard: stage, publish, mend, check       store.c stage.c heads.c: its files
 *   unheard.c    who has fallen silent, whose records do not come   (effects thread)
 *   event_index.c  published leaves become the index by which they are found        (a timer)
 *   pseudonym.c  under which words it knows somebody
 *   public.c     checkpoint, tiles, entries, proofs
 *   retention.c  holds, and the end of a shard's keys
 *   event.c      a leaf, opened              report.c: searches and what the law asks
 *   browsing.c   who leafs through many records
 *   writer.c     the lease, and the role that moves heads
 *   inspect.c    what is wrong with the files      fsck.c: by hand, and with the tables
 *   merkle.c note.c checkpoint.c tiles.c shard.c              the formats, without I/O
 */
#pragma once

#include "common/app/service.h"
#include "services/audit/log.h"
#include "services/audit/shard.h"
#include "services/audit/sql.h"

struct audit_settings {
    struct common_settings common;
    const char *db_head, *log_dir, *heads_dir, *log_key;
    struct uuid default_org;
    int64_t retention_years, silent_s, glass_patients_max, browsed_patients_max;
};

/* ---- what is asked and answered ---- */

struct proof_query { struct uuid event; };

struct consistency_query { int64_t old; };

struct incidents_query {
    struct str cursor, state;
    int64_t limit;
};

struct events_query {
    struct str cursor;
    int64_t limit, from_us, to_us;
};

struct search_query {
    struct uuid person, patient, thing;
    struct str address, action, not_action, outcome, cursor;
    int64_t limit, from_us, to_us;
};

struct breach_query {
    struct uuid person, key, token, sign_in;
    struct str address, cursor;
    int64_t limit, from_us, to_us;
};

struct touched {
    struct uuid patient;
    int64_t events, first_at_us, last_at_us;
};

struct reviewed {
    struct uuid person;
    struct str role, state;
    int64_t relations, glass_broken, last_used_us;
};

struct hold_ask {
    struct str shard, reason;
    struct uuid patient;
};

struct lift_ask { struct str reason; };

struct shard_ask { struct str shard; };

struct page_query {
    struct str cursor;
    int64_t limit;
};

struct hold_view {
    struct hold row;
    struct str state, reason, lift_reason;
    bool one_patient;
};

#define SHARDS_MAX 128 /* of an organisation that are listed: 64 years */

struct published_shard {
    struct str shard, origin, vkey, path;
    int64_t size;
    bool open;
};

struct audit_event {
    struct uuid id, act, actor, patient, resource_id, consent, request, token, sign_in;
    struct str service, action, outcome, error, role, resource, remote, relation, recipient,
        purpose, shard;
    int64_t index, at_us, resource_version, acr;
    int64_t labels; /* of the row that it was about: labels.def, a bit each */
};

extern const struct shape hold_ask_shape, lift_ask_shape, hold_shape, shard_ask_shape,
    destruction_shape, page_query_shape, browsing_shape;
extern const struct shape published_shard_shape, consistency_query_shape, incidents_query_shape,
    incident_shape;
extern const struct shape proof_query_shape, events_query_shape, search_query_shape,
    breach_query_shape, event_shape, access_shape, disclosure_shape, touched_shape, reviewed_shape,
    review_query_shape;

/* ---- tables and handlers ---- */

extern const struct setting audit_setting_rows[];
extern const struct route audit_routes[];
extern const struct hears audit_hears[];
extern const struct timer audit_timers[];

err_t record_prepare(struct arena *arena, const struct event *event, const void **ret);
handler record_heard, log_index, destruction_start, shard_destroy, shard_forget;
handler checkpoint_read, checkpoint_read_default, tile_read, tile_read_default, entries_read,
    entries_read_default, consistency_read, shards_list;
handler shard_checkpoint_read, shard_tile_read, shard_entries_read, shard_consistency_read;
handler proof_read, incidents_list;
handler hold_place, hold_read, holds_read, hold_release;
handler destruction_ask, destruction_read, destructions_read, destruction_second, destruction_drop;
handler browsing_look, browsing_tell, browsings_read;
handler event_read, events_find, events_about, disclosures_about, breach_scope, access_review;

/* ---- shared ---- */

/* The organisation's folder under log_dir. */
void log_folder_of(struct uuid org, char ret[LOG_FOLDER_MAX]);
/* Sets org, that folder, and that of heads. */
void log_folders(struct uuid org, struct log *ret);
/* Reads or makes the key that signs checkpoints. */
err_t log_key_open(const char *path);
void log_key_close(void);
/* Signs and checks the log of @origin, which must outlive it. */
struct note_key log_key_of(const char *origin);
/* Opens a leaf under its organisation's key. ERR_NOT_FOUND: the key was destroyed. */
struct leaf;
err_t body_of(struct arena *arena, struct uuid org, const struct leaf *leaf,
              const Telecura__V1__AuditPhi **ret);
/* Under which word the index knows a person, patient, address, thing, token or sign-in; nil for
 * nothing. */
#define OF_PERSON "person"
#define OF_PATIENT_ID "patient"
#define OF_ADDRESS "address"
#define OF_THING "thing"
#define OF_TOKEN "token"
#define OF_SIGN_IN "sign-in"
err_t pseudonym_of(struct act *act, const char *what, struct str value, struct uuid *ret);
err_t pseudonym_of_id(struct act *act, const char *what, struct uuid id, struct uuid *ret);
/* What the index says of an event. */
err_t index_row_of(struct act *act, const struct audit_event *event,
                   struct event_index_insert *ret);

/* The shard and the file that were read last, as neighbours lie in the same ones. */
struct bundle {
    struct arena *arena;
    char origin[LOG_ORIGIN_MAX], dir[LOG_DIR_MAX];
    int64_t base, end; /* the positions of its leaves; end 0: none is known */
    struct bytes bytes;
    uint64_t n;
    unsigned width; /* 0: none is read */
};
struct bundle bundle_open(void);
void bundle_close(struct bundle *bundle);
/* Finds the shard of the act's organisation that has the leaf of that position. */
err_t bundle_seek(struct act *act, struct bundle *bundle, int64_t position);
/* That leaf; as bytes, in the arena. */
err_t entry_of(struct act *act, struct bundle *bundle, int64_t position, struct bytes *ret);
#define EVENT_DESTROYED "destroyed" /* the action of an event whose key is gone */
/* The same, opened; it is event @id. */
err_t event_open(struct act *act, struct bundle *bundle, struct uuid id, int64_t position,
                 struct audit_event *ret);
void event_fill(struct audit_event *event, const Telecura__V1__AuditPhi *body);
/* What the end of a shard's keys is signed with, as @row has it: the same each time. */
struct str destruction_statement(struct act *act, const struct destruction *row,
                                 const struct last_tree *tree);
/* For the metric of those that were told. */
void incident_count(void);
/* For @run and what its producer had numbered before it from @first on, in a tree of @size. */
err_t receipt_emit(struct act *act, const struct published_run *run, int64_t first, int64_t size);

/* Reads or makes the signing key, then checks every log against the database. */
err_t sequencer_start(void);
void sequencer_run(void);
/* audit --config FILE fsck [--repair] */
int fsck_run(int argc, char **argv);
