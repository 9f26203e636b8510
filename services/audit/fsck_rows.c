/* fsck: tables entry and event_index, against the leaves. */
#include "services/audit/fsck.h"

#include "common/io/leaf.h"
#include "services/audit/store.h"
#include "services/audit/writer.h"

#include <inttypes.h>

#define ROWS 32 /* in one act: a part of a bundle */

struct fsck_tables { /* of one organisation */
    struct inspection *in;
    int64_t end; /* of its log */
    int64_t *indexed;
};

struct rows_part {
    struct inspection *in;
    int64_t base; /* the position of the shard's first leaf */
    uint64_t first, end;
    int64_t indexed; /* so far the index goes */
};

/* What the tables should have of a leaf. Borrows from it; opened: the event is known, too. */
static err_t wanted_row(struct act *act, const struct leaf *leaf, int64_t position,
                        struct entry_restore *ret, struct audit_event *ret_event, bool *ret_opened)
{
    const Telecura__V1__AuditPhi *body;

    *ret_event = (struct audit_event){0};
    *ret = (struct entry_restore){
        .producer = leaf->producer, .seq = (int64_t)leaf->seq, .index = position};
    const err_t err = body_of(act->arena, act->org, leaf, &body);
    *ret_opened = err == ERR_OK;
    if (err != ERR_OK)
        return ERR_OK; /* a key that is gone or not at hand: the rest can be compared */
    event_fill(ret_event, body);
    ret->event_id = pb_to_uuid(body->event);
    return ERR_OK;
}

static bool row_differs(const struct entry_row *row, const struct entry_restore *want, bool opened)
{
    if (!str_equal(row->producer, want->producer) || row->seq != want->seq) return true;
    return opened && !uuid_is_nil(want->event_id) && !uuid_equal(row->event_id, want->event_id);
}

/* What has that position and all after it are indexed again. */
static void index_back(struct act *act, struct inspection *in, int64_t position)
{
    if (!in->repair) return;
    event_index_back(act, &(struct event_index_back){position});
    inspect_repaired(in, "", act_settle(act), "the index is filled again from that leaf on");
}

/* What the index says of an event that the leaf tells of. @row: NULL when there is none. */
static err_t index_check(struct act *act, const struct rows_part *part, const struct index_row *row,
                         const struct audit_event *event, uint64_t index)
{
    struct event_index_insert want;

    TRY(index_row_of(act, event, &want));
    if (!row && part->base + (int64_t)index < part->indexed) {
        inspect_found(part->in, "", "table event_index: leaf %" PRIu64 " has no row", index);
        index_back(act, part->in, part->base + (int64_t)index);
    }
    if (!row || (row->at_us == want.at_us && str_equal(row->action, want.action) &&
                 str_equal(row->outcome, want.outcome) && uuid_equal(row->person, want.person) &&
                 uuid_equal(row->patient, want.patient) &&
                 uuid_equal(row->address, want.address) && uuid_equal(row->thing, want.thing) &&
                 uuid_equal(row->token, want.token) && uuid_equal(row->sign_in, want.sign_in)))
        return ERR_OK;
    inspect_found(part->in, "",
                  "table event_index: leaf %" PRIu64 " has another row: its owner empties "
                  "event_index and event_index_end, and they fill again",
                  index);
    return ERR_OK;
}

/* @row and @indexed: NULL when there is none. */
static err_t row_check(struct act *act, const struct rows_part *part, const struct entry_row *row,
                       const struct index_row *indexed, struct bytes entry, uint64_t index)
{
    struct inspection *const in = part->in;
    struct entry_restore want;
    struct audit_event event;
    struct leaf leaf;
    bool opened;

    if (leaf_decode(entry, &leaf) != ERR_OK) {
        inspect_found(in, "", "entry %" PRIu64 " is signed, but no leaf", index);
        return ERR_OK;
    }
    TRY(wanted_row(act, &leaf, part->base + (int64_t)index, &want, &event, &opened));
    if (row && !row_differs(row, &want, opened))
        return opened ? index_check(act, part, indexed, &event, index) : ERR_OK;
    inspect_found(in, "", "table entry: leaf %" PRIu64 " (" STR_FMT " %" PRIu64 ") %s", index,
                  STR_ARG(leaf.producer), leaf.seq, row ? "has another row" : "has no row");
    if (!in->repair) return ERR_OK;
    if (!opened || uuid_is_nil(want.event_id)) {
        inspect_repaired(in, "", ERR_NOT_FOUND,
                         "the leaf does not open, or is older than event ids");
        return ERR_OK;
    }
    entry_restore(act, &want);
    event_index_back(act, &(struct event_index_back){want.index});
    const err_t err = act_settle(act);
    inspect_repaired(in, "", err, "row made again from the leaf");
    return err;
}

/* The rows of @part beside the entries of its bundle. */
static err_t rows_compare(struct act *act, const struct rows_part *part, struct bytes bundle)
{
    const struct entries_between ask = {part->base + (int64_t)part->first,
                                        part->base + (int64_t)part->end};
    const struct indexed_between ask_index = {ask.first, ask.end};
    struct entry_row_rows rows;
    struct index_row_rows index_rows;
    struct bytes entry;
    size_t at = 0, at_index = 0;

    TRY(entries_between(act, &ask, &rows));
    TRY(indexed_between(act, &ask_index, &index_rows));
    for (uint64_t index = part->first - part->first % TILES_WIDTH; index < part->end; index++) {
        if (!tiles_entry_next(&bundle, &entry)) return ERR_CORRUPT;
        if (index < part->first || (index == 0 && part->base > 0)) continue; /* a link has none */

        const int64_t position = part->base + (int64_t)index;
        const bool has = at < rows.n && rows.p[at].leaf_index == position;
        const struct index_row *const indexed = &index_rows.p[at_index];
        const bool is_indexed = at_index < index_rows.n && indexed->leaf_index == position;
        TRY(row_check(act, part, has ? &rows.p[at] : NULL, is_indexed ? indexed : NULL, entry,
                      index));
        at += has;
        at_index += is_indexed;
    }
    return ERR_OK;
}

static err_t rows_part_check(struct act *act)
{
    const struct rows_part *const part = act->in;
    const struct tile tile = {TILES_ENTRIES, part->first / TILES_WIDTH,
                              (unsigned)((part->end - 1) % TILES_WIDTH) + 1};
    struct arena *const arena = arena_new(STORE_FILE_BYTES_MAX);
    struct bytes bundle;
    err_t err = store_tile(part->in->dir, tile, arena, &bundle);

    if (err == ERR_OK) err = rows_compare(act, part, bundle);
    arena_free(arena);
    return err;
}

/* How far the index goes; not beyond the log, or what follows would never be in it. */
static err_t index_reach_check(struct act *act)
{
    const struct fsck_tables *const all = act->in;
    struct index_end reached;

    TRY(event_index_reached(act, &reached));
    *all->indexed = reached.next;
    if (reached.next <= all->end) return ERR_OK;
    inspect_found(all->in, "", "table event_index_end: goes to leaf %" PRId64 ", beyond the log",
                  reached.next);
    index_back(act, all->in, all->end);
    return ERR_OK;
}

static err_t beyond_check(struct act *act)
{
    const struct fsck_tables *const all = act->in;
    struct entry_row_rows rows;

    TRY(entries_beyond(act, &(struct entries_beyond){all->end}, &rows));
    for (size_t i = 0; i < rows.n; i++)
        inspect_found(all->in, "",
                      "table entry: a row for leaf %" PRId64 ", which is not in the log",
                      rows.p[i].leaf_index);
    return ERR_OK;
}

static const char unreadable[] = "its tables cannot be read, or not be repaired";

void fsck_ends(struct inspection *in, struct uuid org, int64_t end, int64_t *ret_indexed)
{
    const struct fsck_tables all = {in, end, ret_indexed};

    *ret_indexed = 0;
    if (service_act(writer.db, org, AUDIT_NONE, index_reach_check, &all) != ERR_OK ||
        service_act(writer.db, org, AUDIT_NONE, beyond_check, &all) != ERR_OK)
        inspect_found(in, "", "%s", unreadable);
}

void fsck_rows(struct inspection *in, const struct log *log, int64_t indexed)
{
    struct rows_part part = {.in = in, .base = log->base, .indexed = indexed};
    err_t err = ERR_OK;

    while (err == ERR_OK && part.end < in->head.size) {
        part.first = part.end;
        part.end = part.first + ROWS < in->head.size ? part.first + ROWS : in->head.size;
        err = service_act(writer.db, log->org, AUDIT_NONE, rows_part_check, &part);
        if (in->alive) in->alive();
    }
    if (err != ERR_OK) inspect_found(in, "", "%s", unreadable);
}
