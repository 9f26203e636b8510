#include "common/base/clock.h"
#include "services/keyd/keyd.h"
#include "services/keyd/sql.h"

#define AT(member) offsetof(struct keyd_settings, member)

/* clang-format off */
const struct setting keyd_setting_rows[] = {
    {"kek_file", SETTING_PLACE, AT(kek_file), NULL, 0, 0,
     "The sealed key-encryption key; made at the first start. Back it up apart from the database."},
    {"kek_passphrase_file", SETTING_SECRET, AT(kek_passphrase), NULL, 0, 0,
     "The file whose first line opens kek_file."},
    {"dek_grace_s", SETTING_INT, AT(dek_grace_s), "960", 1, 86400,
     "How long a renewed key is kept at least; longer than services cache one (15 minutes)."},
    {0},
};
/* clang-format on */

#define START_US (5 * SECOND_US)

struct known {
    struct dek_count keys;          /* one is enough to know that there are some */
    struct kek_version_rows active; /* versions that must be there */
};

/* What the database needs: a KEK that is made anew would leave its keys shut for ever. */
static err_t known_read(const char *conninfo, struct arena *arena, struct known *ret)
{
    const struct tx_frame frame = {
        .now_us = clock_now_us(),
        .deadline_us = clock_mono_us() + START_US,
        .arena = arena,
    };
    struct db *db = db_new(conninfo, "keyd-start");
    struct tx *tx = tx_begin(db, &frame);
    struct rows rows = {NULL, 0};
    err_t err = tx_one(tx, &dek_any_stmt, NULL, &ret->keys);

    if (err == ERR_OK) err = tx_many(tx, &keks_active_stmt, NULL, &rows);
    tx_rollback(tx);
    db_free(db);
    ret->active = (struct kek_version_rows){rows.p, rows.n};
    return err;
}

static err_t keks_open(const struct keyd_settings *settings, const struct known *known)
{
    const struct kek_config config = {
        settings->kek_file, settings->kek_passphrase, known->keys.n == 0};

    TRY(kek->open(&config));
    for (size_t i = 0; i < known->active.n; i++) {
        const int version = known->active.p[i].version;
        if (kek->has(version)) continue;
        return err_raise(ERR_UNAVAILABLE,
                         "the KEK of version %d is not in %s: put the newer file there", version,
                         settings->kek_file);
    }
    return ERR_OK;
}

err_t keyd_start(void)
{
    const struct keyd_settings *settings = service_settings();
    struct arena *arena = arena_new((size_t)64 * 1024);
    struct known known;
    err_t err = known_read(settings->common.db, arena, &known);

    if (err == ERR_OK) err = keks_open(settings, &known);
    arena_free(arena);
    return err;
}
