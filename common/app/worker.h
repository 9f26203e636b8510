/*
 * worker - the threads that run acts, and the bounded queue that feeds them.
 *
 * A worker is a thread, its PostgreSQL connection and its arena. Jobs come from the loop (requests,
 * frames, timers); a full queue refuses at once. A job that must wait for consent is parked without
 * a thread and put back when the consent feed moves, or after 1 s.
 *
 * Ownership  a job belongs to the queue until its run(), which frees or parks it.
 * Threads    put, park, unpark: any.
 * Errors     a full queue is a plain false; a thread that cannot be made aborts.
 */
#pragma once

#include "common/app/act.h"
#include "common/base/arena.h"
#include "common/io/db.h"

#define WORKER_QUEUE_MAX 1024

struct worker {
    struct db *db; /* NULL: a service without database */
    struct arena *arena;
};

struct job {
    void (*run)(struct worker *worker, struct job *job);
    struct job *next;
    struct uuid actor;        /* parked: one waiting act per actor */
    int64_t parked_until_us;  /* monotonic */
};

struct workers_config {
    unsigned count;
    const char *conninfo, *application;
};

void workers_start(const struct workers_config *config);
void workers_stop(void);                 /* runs what is queued, then joins */
bool workers_put(struct job *job);       /* false: full */
bool workers_put_timer(struct job *job); /* past the bound, each timer once; false: stopping */
bool workers_park(struct job *job, struct uuid actor); /* false: that actor waits already */
void workers_unpark(void);               /* the consent feed moved */
void workers_unpark_late(void);          /* whose second is over; call each 100 ms */
size_t workers_queued(void);
struct worker *worker_current(void);     /* the calling thread's; NULL on other threads */
