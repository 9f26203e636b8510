#include "common/base/clock.h"
#include "services/keyd/keyd.h"
#include "services/keyd/sql.h"

#define START_US (5 * SECOND_US)

/* A KEK that is made anew would leave every key of the database shut for ever. */
static err_t keys_exist(const char *conninfo, struct arena *arena, bool *ret_exist)
{
    const struct tx_frame frame = {
        .now_us = clock_now_us(),
        .deadline_us = clock_mono_us() + START_US,
        .arena = arena,
    };
    struct db *db = db_new(conninfo, "keyd-start");
    struct tx *tx = tx_begin(db, &frame);
    struct dek_count count = {0};
    const err_t err = tx_one(tx, &dek_any_stmt, NULL, &count);

    tx_rollback(tx);
    db_free(db);
    *ret_exist = count.n > 0;
    return err;
}

err_t keyd_start(void)
{
    const struct keyd_settings *settings = service_settings();
    struct arena *arena = arena_new((size_t)64 * 1024);
    bool exist = true;
    err_t err = keys_exist(settings->common.db, arena, &exist);

    if (err == ERR_OK) err = kek_open(settings->kek_file, settings->kek_passphrase, !exist);
    arena_free(arena);
    return err;
}
