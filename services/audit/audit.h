/*
 * audit - the tamper-evident log: what producers send is checked against their chains, staged,
 * appended by one sequencer, and can be read, proved and reported.
 *
 *   record.c     a producer's record: MAC, chain, staged as an `entry` row     (consumer thread)
 *   sequencer.c  staged leaves become the next signed tree, then receipts      (effects thread)
 *   log.c        one log: stage, publish, mend, check         store.c stage.c heads.c: its files
 *   public.c     checkpoint, tiles, entries, proofs           report.c: what stands in an event
 *   merkle.c note.c checkpoint.c tiles.c                      the formats, without I/O
 */
#pragma once

#include "common/app/service.h"
#include "services/audit/log.h"
#include "services/audit/sql.h"

struct audit_settings {
    struct common_settings common;
    const char *db_head, *log_dir, *log_key, *default_org;
};

/* ---- what is asked and answered ---- */

struct proof_query { struct uuid event; };

struct events_query {
    struct str cursor;
    int64_t limit;
};

struct audit_event {
    struct uuid id, act, actor, patient, resource_id, consent;
    struct str service, action, outcome, error, role, resource, remote, relation;
    int64_t index, at_us, resource_version, acr;
};

extern const struct shape proof_query_shape, events_query_shape, event_shape, access_shape;

/* ---- tables and handlers ---- */

extern const struct setting audit_setting_rows[];
extern const struct route audit_routes[];
extern const struct hears audit_hears[];

handler record_heard;
handler checkpoint_read, checkpoint_read_default, tile_read, tile_read_default, entries_read,
    entries_read_default, proof_read;
handler event_read, events_about;

/* ---- shared ---- */

/* The organisation's log under log_dir. */
void log_dir_of(struct uuid org, char ret[LOG_DIR_MAX]);
/* Reads or makes the key that signs checkpoints. */
err_t log_key_open(const char *path);
void log_key_close(void);
/* Signs and checks the log of @origin, which must outlive it. */
struct note_key log_key_of(const char *origin);
/* The word under which a patient's leaves are found: HMAC under audit's own key. In the arena. */
err_t subject_of(struct act *act, struct uuid patient, struct bytes *ret);
/* Opens a leaf under its organisation's key. ERR_NOT_FOUND: the key was destroyed. */
struct leaf;
err_t body_of(struct act *act, const struct leaf *leaf, const Telecura__V1__AuditPhi **ret);
err_t receipt_emit(struct act *act, const struct placed_leaf *leaf, int64_t size);

/* Reads or makes the signing key, then checks every log against the database. */
err_t sequencer_start(void);
void sequencer_run(void);
