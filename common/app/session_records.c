/* Rounds of the effects thread: looking each second, recording what ended. */
#include "common/app/session_records.h"
#include "common/app/session_own.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#define ARENA_BYTES_MAX (8u * 1024 * 1024)
#define POLL_MS 1000
#define STOP_US (5 * SECOND_US) /* as the relay waits */
#define DRAIN_POLL_MS 20 /* sessions close on the loop, which says nothing of it */

struct ended {
    struct ended *next;
    struct uuid org;
    void *of_the_service;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* In the order in which they ended; under the lock. */
static struct ended *waiting, **waiting_end = &waiting;

static void ended_put(struct ended *ended)
{
    pthread_mutex_lock(&lock);
    *waiting_end = ended;
    waiting_end = &ended->next;
    pthread_mutex_unlock(&lock);
}

static struct ended *ended_take_all(void)
{
    pthread_mutex_lock(&lock);
    struct ended *all = waiting;
    waiting = NULL;
    waiting_end = &waiting;
    pthread_mutex_unlock(&lock);
    return all;
}

/* Before those that have ended meanwhile. */
static void ended_give_back(struct ended *first, struct ended **end)
{
    pthread_mutex_lock(&lock);
    *end = waiting;
    if (!waiting) waiting_end = end;
    waiting = first;
    pthread_mutex_unlock(&lock);
}

void session_ended(struct uuid org, void *of_the_service)
{
    struct ended *ended = malloc(sizeof *ended);

    if (!ended) abort();
    *ended = (struct ended){NULL, org, of_the_service};
    ended_put(ended);
    service_poke_effects();
}

/* What could not be recorded is tried again with the next round; how many these are. */
static size_t all_record(const struct session_records *records, struct db *db)
{
    struct ended *kept = NULL, **kept_end = &kept, *next;
    size_t left = 0;

    for (struct ended *ended = ended_take_all(); ended; ended = next) {
        next = ended->next;
        if (service_act(db, ended->org, records->audit, records->record, ended->of_the_service) !=
            ERR_OK) {
            ended->next = NULL;
            *kept_end = ended;
            kept_end = &ended->next;
            left++;
            continue;
        }
        free(ended->of_the_service);
        free(ended);
    }
    if (kept) ended_give_back(kept, kept_end);
    return left;
}

void session_records_run(const struct session_records *records)
{
    const struct common_settings *settings = service_settings();
    struct db *db = db_new(settings->db, records->name);
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    int64_t polled_us = 0, drained_us = INT64_MAX;
    size_t left;
    bool last;

    do {
        const bool drained = session_drained();
        if (drained && drained_us == INT64_MAX) drained_us = clock_mono_us();
        if (clock_mono_us() - polled_us >= POLL_MS * MS_US) {
            polled_us = clock_mono_us();
            records->poll(db, arena);
        }
        if (records->round) records->round(db, arena);
        left = all_record(records, db);
        last = drained && (left == 0 || clock_mono_us() - drained_us > STOP_US);
        arena_reset(arena);
        if (service_stopping())
            poll(NULL, 0, last ? 0 : DRAIN_POLL_MS);
        else
            service_wait(POLL_MS);
    } while (!last);
    if (left)
        log_line(LOG_WARN, "sessions_unrecorded",
                 "%zu sessions have ended without a row: the database is away", left);
    arena_free(arena);
    db_free(db);
}
