/*
 * Each second: what coturn relays, against the grants that it rests on.
 *
 * coturn asks for a credential once; an allocation that was made in time may be refreshed without
 * end. So nothing of it ends with a revocation, and we end it: every session whose name rests on no
 * grant that holds. It is the state that is compared and no event that is followed: it does not
 * matter which replica looks, who died meanwhile, or that a client comes again with what is left
 * of its credential's ten minutes.
 */
#include "services/signaling/signaling.h"

#include "common/base/clock.h"
#include "common/base/log.h"

struct looked_at {
    struct allocations all;
    bool *holds; /* of each */
};

static err_t grounds_read(struct act *act)
{
    const struct looked_at *shown = act->in;
    struct uuid *names = ARENA_ARRAY(act->arena, struct uuid, shown->all.n);
    struct turn_known_rows rows;

    for (size_t i = 0; i < shown->all.n; i++) names[i] = shown->all.p[i].name;
    TRY(turn_names_known(act, &(struct turn_names_known){.names = {names, shown->all.n}}, &rows));
    for (size_t i = 0; i < rows.n; i++) {
        const struct grant grant = {.id = rows.p[i].grant_id,
                                    .person = rows.p[i].person,
                                    .patient = rows.p[i].patient_id,
                                    .visit = rows.p[i].visit_id,
                                    .minted_at_us = rows.p[i].minted_at_us};

        shown->holds[rows.p[i].n - 1] = !session_grant_revoked(&grant);
    }
    return ERR_OK;
}

static err_t ungrounded_end(struct coturn *coturn, struct db *db, struct looked_at *shown,
                            size_t *ended)
{
    if (shown->all.n == 0) return ERR_OK;
    memset(shown->holds, 0, shown->all.n * sizeof *shown->holds);
    TRY(service_act(db, UUID_NIL, AUDIT_NONE, grounds_read, shown));
    for (size_t i = 0; i < shown->all.n; i++) {
        if (shown->holds[i]) continue;
        TRY(coturn_cancel(coturn, &shown->all.p[i]));
        *ended += 1;
    }
    return ERR_OK;
}

static err_t server_check(struct coturn *coturn, struct db *db, struct arena *arena)
{
    struct looked_at shown = {{.p = ARENA_ARRAY(arena, struct allocation, ALLOCATIONS_MAX)},
                              ARENA_ARRAY(arena, bool, ALLOCATIONS_MAX)};
    size_t ended = 0;
    err_t err;

    do { /* the talk's end bounds it */
        err = coturn_list(coturn, &shown.all);
        if (err == ERR_OK) err = ungrounded_end(coturn, db, &shown, &ended);
    } while (err == ERR_OK && !shown.all.whole);
    if (ended) log_line(LOG_INFO, "relay_ended", "%zu allocations without a grant", ended);
    return err;
}

static err_t server_talk(struct str address, struct db *db, struct arena *arena)
{
    const struct signaling_settings *settings = service_settings();
    struct coturn coturn;

    err_t err = coturn_open(&coturn, address, settings->turn_control_password);
    if (err == ERR_OK) err = server_check(&coturn, db, arena);
    coturn_close(&coturn);
    return err;
}

void allocations_check(struct db *db, struct arena *arena)
{
    static bool was_well = true;
    const struct signaling_settings *settings = service_settings();
    struct str rest = str_of(settings->turn_control), address;
    bool well = true;

    while (str_next(&rest, ',', &address)) well &= server_talk(address, db, arena) == ERR_OK;
    if (well != was_well)
        log_line(well ? LOG_INFO : LOG_WARN, well ? "relay_watched" : "relay_unwatched",
                 well ? "what coturn relays is looked at again"
                      : "coturn's command line says nothing: who is sent away is still relayed");
    was_well = well;
}

err_t allocations_start(void)
{
    const struct signaling_settings *settings = service_settings();
    struct str rest = str_of(settings->turn_control), address;

    while (str_next(&rest, ',', &address)) {
        if (!str_starts(address, "127."))
            return err_raise(ERR_UNAVAILABLE, "turn_control is refused: it is not 127.x");
    }
    return ERR_OK;
}
