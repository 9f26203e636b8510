/*
 * audit --config FILE fsck [--repair]
 *
 * Names everything that is wrong with the logs: files, the schema heads, the file heads, tables
 * entry and event_index; one line each, with its path. --repair puts right what follows from the
 * rest (hash tiles from entries, a checkpoint from the head, rows from leaves, lines of heads from
 * the database, what a crash has left) and nothing else, and says so. Entries themselves, and what
 * is of an older backup, are restored by hand.
 *
 * Works while no sequencer does: it holds their lease.
 *
 * Exits with 0 when all is sound (now), 1 when damage remains, 69 when it could not look.
 */
#include "services/audit/audit.h"

#include "common/base/log.h"
#include "common/io/leaf.h"
#include "services/audit/heads.h"
#include "services/audit/inspect.h"
#include "services/audit/stage.h"
#include "services/audit/store.h"
#include "services/audit/writer.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { SOUND = 0, DAMAGED = 1, USAGE = 64, MISSING = 69 };

static struct {
    bool repair, lost; /* lost: the lease, or the database */
    uint64_t found, repaired, logs, entries;
} self;

static void say_line(const char *line)
{
    puts(line);
}

static void alive(void)
{
    if (writer_keep() != ERR_OK || !writer.holds) {
        fprintf(stderr, "fsck: the database is away, or a sequencer has started: stopped\n");
        exit(MISSING);
    }
}

/* ---- tables entry and event_index ---- */

#define ROWS 32 /* in one act: a part of a bundle */

struct rows_part {
    struct inspection *in;
    uint64_t first, end;
    int64_t *indexed; /* so far the index goes */
};

/* What the tables should have of a leaf. Borrows from it; opened: the event is known, too. */
static err_t wanted_row(struct act *act, const struct leaf *leaf, uint64_t index,
                        struct entry_restore *ret, struct audit_event *ret_event, bool *ret_opened)
{
    const Telecura__V1__AuditPhi *body;

    *ret_event = (struct audit_event){0};
    *ret = (struct entry_restore){
        .producer = leaf->producer, .seq = (int64_t)leaf->seq, .index = (int64_t)index};
    const err_t err = body_of(act, leaf, &body);
    *ret_opened = err == ERR_OK;
    if (err != ERR_OK)
        return ERR_OK; /* a key that is gone or not at hand: the rest can be compared */
    event_fill(ret_event, body);
    ret->event_id = pb_to_uuid(body->event);
    const struct uuid patient = pb_to_uuid(body->patient);
    return uuid_is_nil(patient) ? ERR_OK : subject_of(act, patient, &ret->subject);
}

static bool row_differs(const struct entry_row *row, const struct entry_restore *want, bool opened)
{
    if (!str_equal(row->producer, want->producer) || row->seq != want->seq) return true;
    if (!opened) return false;
    return !bytes_equal(row->subject, want->subject) ||
           (!uuid_is_nil(want->event_id) && !uuid_equal(row->event_id, want->event_id));
}

/* @leaf and all after it are indexed again. */
static void index_back(struct act *act, struct inspection *in, uint64_t leaf)
{
    if (!in->repair) return;
    event_index_back(act, &(struct event_index_back){(int64_t)leaf});
    inspect_repaired(in, "", act_settle(act), "the index is filled again from that leaf on");
}

/* What the index says of an event that the leaf tells of. @row: NULL when there is none. */
static err_t index_check(struct act *act, const struct rows_part *part, const struct index_row *row,
                         const struct audit_event *event, uint64_t index)
{
    struct event_index_insert want;

    TRY(index_row_of(act, event, &want));
    if (!row && (int64_t)index < *part->indexed) {
        inspect_found(part->in, "", "table event_index: leaf %" PRIu64 " has no row", index);
        index_back(act, part->in, index);
    }
    if (!row || (row->at_us == want.at_us && str_equal(row->action, want.action) &&
                 str_equal(row->outcome, want.outcome) && uuid_equal(row->person, want.person) &&
                 uuid_equal(row->patient, want.patient) &&
                 uuid_equal(row->address, want.address) && uuid_equal(row->thing, want.thing)))
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
    TRY(wanted_row(act, &leaf, index, &want, &event, &opened));
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
    event_index_back(act, &(struct event_index_back){(int64_t)index});
    const err_t err = act_settle(act);
    inspect_repaired(in, "", err, "row made again from the leaf");
    return err;
}

/* The rows of @part beside the entries of its bundle. */
static err_t rows_compare(struct act *act, const struct rows_part *part, struct bytes bundle)
{
    const struct entries_between ask = {(int64_t)part->first, (int64_t)part->end};
    const struct indexed_between ask_index = {ask.first, ask.end};
    struct entry_row_rows rows;
    struct index_row_rows index_rows;
    struct bytes entry;
    size_t at = 0, at_index = 0;

    TRY(entries_between(act, &ask, &rows));
    TRY(indexed_between(act, &ask_index, &index_rows));
    for (uint64_t index = part->first - part->first % TILES_WIDTH; index < part->end; index++) {
        if (!tiles_entry_next(&bundle, &entry)) return ERR_CORRUPT;
        if (index < part->first) continue;

        const bool has = at < rows.n && rows.p[at].leaf_index == (int64_t)index;
        const struct index_row *const indexed = &index_rows.p[at_index];
        const bool is_indexed =
            at_index < index_rows.n && indexed->leaf_index == (int64_t)index;
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
    const struct rows_part *const part = act->in;
    struct index_end reached;

    TRY(event_index_reached(act, &reached));
    *part->indexed = reached.next;
    if (reached.next <= (int64_t)part->in->head.size) return ERR_OK;
    inspect_found(part->in, "", "table event_index_end: goes to leaf %" PRId64 ", beyond the log",
                  reached.next);
    index_back(act, part->in, part->in->head.size);
    return ERR_OK;
}

static err_t beyond_check(struct act *act)
{
    const struct rows_part *const part = act->in;
    const struct entries_between ask = {(int64_t)part->end, INT64_MAX};
    struct entry_row_rows rows;

    TRY(entries_between(act, &ask, &rows));
    for (size_t i = 0; i < rows.n; i++)
        inspect_found(part->in, "",
                      "table entry: a row for leaf %" PRId64 ", which is not in the log",
                      rows.p[i].leaf_index);
    return ERR_OK;
}

static void rows_check(struct inspection *in, struct uuid org)
{
    int64_t indexed = 0;
    struct rows_part part = {.in = in, .indexed = &indexed};
    err_t err = service_act(writer.db, org, AUDIT_NONE, index_reach_check, &part);

    while (err == ERR_OK && part.end < in->head.size) {
        part.first = part.end;
        part.end = part.first + ROWS < in->head.size ? part.first + ROWS : in->head.size;
        err = service_act(writer.db, org, AUDIT_NONE, rows_part_check, &part);
        alive();
    }
    part.end = in->head.size;
    if (err == ERR_OK) err = service_act(writer.db, org, AUDIT_NONE, beyond_check, &part);
    if (err != ERR_OK) inspect_found(in, "", "its tables cannot be read, or not be repaired");
}

/* ---- the file heads, against the table of all trees that were signed ---- */

struct lines {
    struct inspection *in;
    struct uuid org;
    FILE *file;
    char *text;
    size_t room, number;
    struct checkpoint tree;
    bool has;
};

/* The next line that is a tree of this log; one that a crash cut short is passed over when the
 * whole one follows. */
static void line_next(struct lines *lines)
{
    char *cut = NULL;
    size_t cut_number = 0;
    ssize_t n;

    lines->has = false;
    while (lines->file && !lines->has &&
           (n = getline(&lines->text, &lines->room, lines->file)) > 0) {
        const bool ends = lines->text[n - 1] == '\n';
        const struct str line = {lines->text, (size_t)n - ends};

        lines->number++;
        if (cut && strncmp(lines->text, cut, strlen(cut)) == 0) {
            free(cut);
            cut = NULL;
        }
        lines->has = ends && heads_parse(line, &lines->tree) &&
                     str_equal(lines->tree.origin, lines->in->head.origin);
        if (lines->has || cut) continue;
        cut = strndup(line.p, line.n);
        cut_number = lines->number;
    }
    if (cut) inspect_found(lines->in, HEADS, "line %zu is no tree of this log", cut_number);
    free(cut);
}

/* A tree that was signed and has no line. Only at the end can one be added. */
static void line_missing(struct lines *lines, const struct checkpoint *tree)
{
    struct inspection *const in = lines->in;
    const struct merkle_tree files = log_tree(in->dir, in->head.size);
    struct hash root;

    inspect_found(in, HEADS, "has no line for the tree of %" PRIu64 " entries", tree->size);
    if (!in->repair || lines->has) return;
    err_t err = !in->whole || tree->size > in->head.size
                    ? ERR_CORRUPT
                    : merkle_root_at(&files, tree->size, &root);
    if (err == ERR_OK && !hash_equal(&root, &tree->root)) err = ERR_CORRUPT;
    if (err == ERR_OK) err = heads_add(in->dir, tree, writer.arena);
    inspect_repaired(in, HEADS, err, "line added, as the database and the entries have it");
}

static void tree_compare(struct lines *lines, const struct head *row)
{
    struct checkpoint tree = {lines->in->head.origin, (uint64_t)row->size, {{0}}};

    if (row->size == 0) return; /* an empty tree has no line */
    if (row->root.n == HASH_BYTES) memcpy(tree.root.b, row->root.p, HASH_BYTES);
    while (lines->has && lines->tree.size < tree.size) {
        inspect_found(lines->in, HEADS, "line %zu is of a tree that the database never signed",
                      lines->number);
        line_next(lines);
    }
    if (!lines->has || lines->tree.size > tree.size) {
        line_missing(lines, &tree);
        return;
    }
    if (!hash_equal(&lines->tree.root, &tree.root))
        inspect_found(lines->in, HEADS, "line %zu: another root than the database's",
                      lines->number);
    line_next(lines);
}

static err_t trees_read(struct lines *lines, int64_t from, struct head_rows *ret)
{
    const struct trees_signed ask = {lines->in->head.origin, from};
    const struct tx_frame frame = writer_frame(lines->org);
    struct tx *const tx = tx_begin(writer.db, &frame);
    struct rows rows = {NULL, 0};
    const err_t err = tx_many(tx, &trees_signed_stmt, &ask, &rows);

    tx_rollback(tx);
    *ret = (struct head_rows){rows.p, rows.n};
    return err;
}

static void heads_check(struct inspection *in, struct uuid org)
{
    struct lines lines = {.in = in, .org = org};
    char path[STORE_PATH_MAX];
    struct head_rows rows = {NULL, 1};
    int64_t from = 0;

    snprintf(path, sizeof path, "%s/" HEADS, in->dir);
    lines.file = fopen(path, "re");
    if (!lines.file && in->head.size) inspect_found(in, HEADS, "is missing");
    line_next(&lines);
    while (rows.n && trees_read(&lines, from, &rows) == ERR_OK) {
        for (size_t i = 0; i < rows.n; i++) tree_compare(&lines, &rows.p[i]);
        if (rows.n) from = rows.p[rows.n - 1].size + 1;
        alive();
    }
    for (; lines.has; line_next(&lines))
        inspect_found(in, HEADS,
                      "line %zu is of a tree that the database never signed: the database "
                      "is of an older backup",
                      lines.number);
    if (lines.file) fclose(lines.file);
    free(lines.text);
}

/* ---- one log ---- */

static void vkey_check(struct inspection *in)
{
    const struct str vkey = note_vkey(writer.arena, in->key);
    const struct bytes right = str_bytes(arena_printf(writer.arena, STR_FMT "\n", STR_ARG(vkey)));
    struct bytes is = BYTES_NONE;

    if (store_read(in->dir, "vkey", writer.arena, &is) == ERR_OK && bytes_equal(is, right)) return;
    inspect_found(in, "vkey", is.p ? "is not this log's verifying key" : "is missing");
    if (in->repair)
        inspect_repaired(in, "vkey", store_write(in->dir, "vkey", right), "written from the key");
}

/* What a crash has staged. True when the head names it: then it is the log's next state. */
static bool staging_check(struct inspection *in, struct log *log)
{
    struct stage *const stage = ARENA_NEW(writer.arena, struct stage);
    struct checkpoint next;
    const err_t err = log_staged(log, writer.arena, stage, &next);
    const char *const what = "the tree that the head names, not published yet";

    if (err == ERR_NOT_FOUND) return false;
    if (err == ERR_OK && next.size == in->head.size && hash_equal(&next.root, &in->head.root)) {
        inspect_found(in, LOG_STAGING, "%s", what);
        if (in->repair)
            inspect_repaired(in, LOG_STAGING, log_publish(log, &in->head, writer.arena),
                             "published");
        return !in->repair;
    }
    inspect_found(in, LOG_STAGING,
                  err == ERR_OK ? "is left over: a tree that was never signed"
                                : "is half a file, or changed");
    return false;
}

static void staging_remove(struct inspection *in)
{
    struct bytes bytes;

    if (!in->repair || store_read(in->dir, LOG_STAGING, writer.arena, &bytes) == ERR_NOT_FOUND)
        return;
    inspect_repaired(in, LOG_STAGING, in->whole ? store_remove(in->dir, LOG_STAGING) : ERR_CORRUPT,
                     "removed, as the log is whole without it");
}

static void log_check(struct log *log, const struct head *head, bool repair, bool loud,
                      struct inspection *ret)
{
    struct inspection *const in = ret;

    *in = (struct inspection){.dir = log->dir,
                              .key = &log->key,
                              .repair = repair,
                              .alive = alive,
                              .say = loud ? say_line : NULL};
    in->head = (struct checkpoint){str_of(log->origin), (uint64_t)head->size, {{0}}};
    if (head->root.n == HASH_BYTES) memcpy(in->head.root.b, head->root.p, HASH_BYTES);
    if (staging_check(in, log)) return; /* all else is of the tree before it */
    inspect_tree(in);
    staging_remove(in);
    inspect_checkpoint(in);
    inspect_names(in);
    vkey_check(in);
    heads_check(in, log->org);
    if (in->entries_bad == 0) rows_check(in, log->org); /* else there is nothing to compare with */
}

static void log_fsck(struct uuid org)
{
    struct log *const log = ARENA_NEW(writer.arena, struct log);
    struct inspection in;
    struct head head;

    log->org = org;
    log_dir_of(org, log->dir);
    if (writer_head_read(org, &head) != ERR_OK || head.origin.n >= LOG_ORIGIN_MAX) {
        self.lost = true;
        return;
    }
    memcpy(log->origin, head.origin.p, head.origin.n);
    log->key = log_key_of(log->origin);
    log_check(log, &head, self.repair, true, &in);
    self.repaired += in.repaired;
    if (in.repaired) log_check(log, &head, false, false, &in); /* what remains */
    self.found += in.found;
    self.entries += in.head.size;
    self.logs++;
}

/* ---- all of them ---- */

static err_t orgs_read(struct uuid **ret, size_t *ret_n)
{
    const char *const dir = ((const struct audit_settings *)service_settings())->log_dir;
    const struct tx_frame frame = writer_frame(UUID_NIL);
    struct tx *const tx = tx_begin(writer.db, &frame);
    struct rows rows = {NULL, 0};
    const err_t err = tx_many(tx, &heads_all_stmt, NULL, &rows);
    size_t n = 0;

    tx_rollback(tx);
    if (err != ERR_OK) return err;
    struct dirent **files;
    const int count = scandir(dir, &files, NULL, alphasort);
    struct uuid *const orgs =
        ARENA_ARRAY(writer.arena, struct uuid, rows.n + (count > 0 ? (size_t)count : 0) + 1);
    for (; n < rows.n; n++) orgs[n] = ((const struct head *)rows.p)[n].org;
    for (int i = 0; i < count; i++) {
        struct uuid org;
        bool known = !uuid_parse(str_of(files[i]->d_name), &org);

        for (size_t at = 0; at < n && !known; at++) known = uuid_equal(orgs[at], org);
        if (!known) orgs[n++] = org;
        free(files[i]);
    }
    if (count >= 0) free(files);
    *ret = orgs;
    *ret_n = n;
    return ERR_OK;
}

static int fsck(void)
{
    struct uuid *orgs;
    size_t n;

    if (writer_keep() != ERR_OK) return MISSING;
    if (!writer.holds) {
        fprintf(stderr,
                "fsck: the audit service is running: stop it first (after a crash, wait 3 s)\n");
        return MISSING;
    }
    if (orgs_read(&orgs, &n) != ERR_OK) return MISSING;
    for (size_t i = 0; i < n; i++) log_fsck(orgs[i]);
    if (self.repaired) printf("repaired: %" PRIu64 "\n", self.repaired);
    if (self.found)
        printf("damaged: %" PRIu64 " found%s\n", self.found,
               self.repair ? " that cannot be repaired from the rest" : "");
    if (self.lost) return MISSING;
    if (!self.found)
        printf("sound: %" PRIu64 " logs, %" PRIu64 " entries\n", self.logs, self.entries);
    return self.found ? DAMAGED : SOUND;
}

int fsck_run(int argc, char **argv)
{
    const struct audit_settings *const settings = service_settings();

    self.repair = argc == 2 && strcmp(argv[1], "--repair") == 0;
    if (argc > 1 + self.repair) {
        fprintf(stderr, "usage: audit --config FILE fsck [--repair]\n");
        return USAGE;
    }
    if (access(settings->log_key, R_OK) != 0) {
        fprintf(stderr, "%s: cannot be read; without it nothing can be checked: restore it\n",
                settings->log_key);
        return MISSING;
    }
    if (writer_open() != ERR_OK) return MISSING;
    const int code = fsck();
    writer_close();
    return code;
}
