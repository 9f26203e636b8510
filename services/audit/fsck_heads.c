/* fsck: the file heads, against the table of all trees that were signed. */
#include "services/audit/fsck.h"

#include "services/audit/heads.h"
#include "services/audit/store.h"
#include "services/audit/writer.h"

#include <inttypes.h>
#include <stdlib.h>

struct lines {
    struct inspection *in; /* of the organisation's folder */
    const struct fsck_shard *shards;
    size_t shards_n;
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
                     shard_same_log(lines->tree.origin, lines->in->head.origin);
        if (lines->has || cut) continue;
        cut = strndup(line.p, line.n);
        cut_number = lines->number;
    }
    if (cut) inspect_found(lines->in, HEADS, "line %zu is no tree of this log", cut_number);
    free(cut);
}

/* The entries, too, say that it was the tree of so many of them. */
static err_t tree_is_logged(const struct lines *lines, const struct checkpoint *tree)
{
    struct hash root;

    for (size_t i = 0; i < lines->shards_n; i++) {
        const struct inspection *const in = &lines->shards[i].in;
        const struct merkle_tree files = log_tree(in->dir, in->head.size);

        if (!str_equal(in->head.origin, tree->origin)) continue;
        if (!in->whole || tree->size > in->head.size) return ERR_CORRUPT;
        TRY(merkle_root_at(&files, tree->size, &root));
        return hash_equal(&root, &tree->root) ? ERR_OK : ERR_CORRUPT;
    }
    return ERR_CORRUPT;
}

/* A tree that was signed and has no line. Only at the end can one be added. */
static void line_missing(struct lines *lines, const struct checkpoint *tree)
{
    struct inspection *const in = lines->in;

    inspect_found(in, HEADS, "has no line for the tree of %" PRIu64 " entries", tree->size);
    if (!in->repair || lines->has) return;
    err_t err = tree_is_logged(lines, tree);
    if (err == ERR_OK) err = heads_add(in->dir, tree, writer.arena);
    inspect_repaired(in, HEADS, err, "line added, as the database and the entries have it");
}

static void tree_compare(struct lines *lines, const struct head *row)
{
    struct checkpoint tree = {row->origin, (uint64_t)row->size, {{0}}};

    if (row->size == 0) return; /* an empty tree has no line */
    if (row->root.n == HASH_BYTES) memcpy(tree.root.b, row->root.p, HASH_BYTES);
    while (lines->has && heads_order(&lines->tree, &tree) < 0) {
        inspect_found(lines->in, HEADS, "line %zu is of a tree that the database never signed",
                      lines->number);
        line_next(lines);
    }
    if (!lines->has || heads_order(&lines->tree, &tree) > 0) {
        line_missing(lines, &tree);
        return;
    }
    if (!hash_equal(&lines->tree.root, &tree.root))
        inspect_found(lines->in, HEADS, "line %zu: another root than the database's",
                      lines->number);
    line_next(lines);
}

static err_t trees_read(struct uuid org, const struct head *after, struct head_rows *ret)
{
    const struct trees_signed ask = {after->origin, after->size};
    const struct tx_frame frame = writer_frame(org);
    struct tx *const tx = tx_begin(writer.db, &frame);
    struct rows rows = {NULL, 0};
    const err_t err = tx_many(tx, &trees_signed_stmt, &ask, &rows);

    tx_rollback(tx);
    *ret = (struct head_rows){rows.p, rows.n};
    return err;
}

void fsck_heads(struct inspection *in, struct uuid org, const struct fsck_shard *shards, size_t n)
{
    struct lines lines = {.in = in, .shards = shards, .shards_n = n};
    struct head last = {.origin = STR("")};
    char path[STORE_PATH_MAX];
    struct head_rows rows = {NULL, 1};

    snprintf(path, sizeof path, "%s/" HEADS, in->dir);
    lines.file = fopen(path, "re");
    if (!lines.file && (in->head.size || n > 1)) inspect_found(in, HEADS, "is missing");
    line_next(&lines);
    while (rows.n && trees_read(org, &last, &rows) == ERR_OK) {
        for (size_t i = 0; i < rows.n; i++) tree_compare(&lines, &rows.p[i]);
        if (rows.n) last = rows.p[rows.n - 1];
        if (in->alive) in->alive();
    }
    for (; lines.has; line_next(&lines))
        inspect_found(in, HEADS,
                      "line %zu is of a tree that the database never signed: the database "
                      "is of an older backup",
                      lines.number);
    if (lines.file) fclose(lines.file);
    free(lines.text);
}
