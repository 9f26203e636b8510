/* Rounds of the effects thread: looking each second, recording what ended. */
#include "common/app/session_records.h"
#include "common/app/session_own.h"

#include "common/base/clock.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#define ARENA_BYTES_MAX (8u * 1024 * 1024)
#define POLL_MS 1000
#define DRAIN_POLL_MS 20 /* sessions close on the loop, which says nothing of it */

struct ended {
    struct ended *next;
    struct uuid org;
    void *of_the_service;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ended *waiting; /* under the lock */

static void ended_put(struct ended *ended)
{
    pthread_mutex_lock(&lock);
    ended->next = waiting;
    waiting = ended;
    pthread_mutex_unlock(&lock);
}

static struct ended *ended_take_all(void)
{
    pthread_mutex_lock(&lock);
    struct ended *all = waiting;
    waiting = NULL;
    pthread_mutex_unlock(&lock);
    return all;
}

void session_ended(struct uuid org, void *of_the_service)
{
    struct ended *ended = malloc(sizeof *ended);

    if (!ended) abort();
    *ended = (struct ended){NULL, org, of_the_service};
    ended_put(ended);
    service_poke_effects();
}

/* What could not be recorded is tried again with the next round. */
static void all_record(const struct session_records *records, struct db *db)
{
    struct ended *next;

    for (struct ended *ended = ended_take_all(); ended; ended = next) {
        next = ended->next;
        if (service_act(db, ended->org, records->audit, records->record, ended->of_the_service) !=
            ERR_OK) {
            ended_put(ended);
            continue;
        }
        free(ended->of_the_service);
        free(ended);
    }
}

void session_records_run(const struct session_records *records)
{
    const struct common_settings *settings = service_settings();
    struct db *db = db_new(settings->db, records->name);
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    int64_t polled_us = 0;
    bool last;

    do {
        last = session_drained();
        if (clock_mono_us() - polled_us >= POLL_MS * MS_US) {
            polled_us = clock_mono_us();
            records->poll(db, arena);
        }
        if (records->round) records->round(db, arena);
        all_record(records, db);
        arena_reset(arena);
        if (service_stopping())
            poll(NULL, 0, last ? 0 : DRAIN_POLL_MS);
        else
            service_wait(POLL_MS);
    } while (!last);
    arena_free(arena);
    db_free(db);
}
