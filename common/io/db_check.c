#include "common/base/clock.h"
#include "common/io/db.h"

#define ANSWER_US (5 * SECOND_US)
#define ARENA_BYTES (1024 * 1024)

static struct tx *question_begin(struct db *db, struct arena *arena)
{
    return tx_begin(db, &(struct tx_frame){
                            .deadline_us = clock_mono_us() + ANSWER_US,
                            .arena = arena,
                        });
}

/* ---- is it there, and does it agree about the time ---- */

struct clock_row {
    int64_t at_us;
};

static const struct sql_slot clock_columns[] = {{"at", SQL_TIMESTAMPTZ, SQL_ARGS, 0, false}};
static const struct stmt clock_stmt = {
    .name = "db.clock",
    .sql = "SELECT clock_timestamp() AS at",
    .columns = clock_columns,
    .column_count = 1,
    .row_bytes = sizeof(struct clock_row),
    .none = ERR_INTERNAL,
};

static err_t skew(struct tx *tx, int64_t *ret_skew_us)
{
    struct clock_row row;

    /* The first one opens the connection and prepares; only the second one is timed. */
    TRY(tx_one(tx, &clock_stmt, NULL, &row));
    const int64_t before_us = clock_real_us();
    TRY(tx_one(tx, &clock_stmt, NULL, &row));
    *ret_skew_us = row.at_us - (before_us + clock_real_us()) / 2;
    return ERR_OK;
}

err_t db_check(struct db *db, int64_t *ret_skew_us)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    struct tx *tx = question_begin(db, arena);
    const err_t err = skew(tx, ret_skew_us);

    tx_rollback(tx);
    arena_free(arena);
    return err;
}

/* ---- is it migrated ---- */

struct migration_row {
    struct str name;
};

struct migration_there {
    bool there;
};

static const struct sql_slot there_columns[] = {{"there", SQL_BOOL, SQL_ARGS, 0, false}};
static const struct stmt there_stmt = {
    .name = "db.migration_there",
    .sql = "SELECT to_regclass('migration') IS NOT NULL AS there",
    .columns = there_columns,
    .column_count = 1,
    .row_bytes = sizeof(struct migration_there),
};

static const struct sql_slot name_columns[] = {{"name", SQL_TEXT, SQL_ARGS, 0, false}};
static const struct stmt names_stmt = {
    .name = "db.migration_names",
    .sql = "SELECT name FROM migration",
    .columns = name_columns,
    .column_count = 1,
    .row_bytes = sizeof(struct migration_row),
};

static bool has_name(struct rows rows, const char *name)
{
    const struct migration_row *row = rows.p;

    for (size_t i = 0; i < rows.n; i++) {
        if (str_is(row[i].name, name)) return true;
    }
    return false;
}

static err_t migrated(struct tx *tx, const struct migration *const *sets)
{
    struct migration_there table = {false};
    struct rows rows = {NULL, 0};
    bool found;

    TRY(tx_maybe(tx, &there_stmt, NULL, &table, &found));
    if (table.there) TRY(tx_many(tx, &names_stmt, NULL, &rows));
    for (; *sets; sets++) {
        for (const struct migration *m = *sets; m->name; m++) {
            if (has_name(rows, m->name)) continue;
            return err_raise(ERR_UNAVAILABLE,
                             "the database lacks migration %s: run this program with --migrate",
                             m->name);
        }
    }
    return ERR_OK;
}

err_t db_migrated(struct db *db, const struct migration *const *sets)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    struct tx *tx = question_begin(db, arena);
    const err_t err = migrated(tx, sets);

    tx_rollback(tx);
    arena_free(arena);
    return err;
}
