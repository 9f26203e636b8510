#include "common/app/worker.h"
#include "common/app/run.h"
#include "common/base/clock.h"
#include "common/crypto/aead.h"

#include <pthread.h>
#include <stdlib.h>

/* The longest page of the longest texts, opened and written: taken when needed, then given back. */
#define REQUEST_ARENA_BYTES_MAX (32u * 1024 * 1024)
#define PARKED_US SECOND_US /* a consent's no is asked again for at most 1 s */

struct list_of_jobs {
    struct job *first, **last;
    size_t count;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct list_of_jobs queue, parked;
    bool stopping;
    struct workers_config config;
    pthread_t *threads;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static _Thread_local struct worker *current;

struct worker *worker_current(void)
{
    return current;
}

static void list_add(struct list_of_jobs *list, struct job *job)
{
    job->next = NULL;
    if (!list->first) list->last = &list->first;
    *list->last = job;
    list->last = &job->next;
    list->count++;
}

static struct job *list_take(struct list_of_jobs *list)
{
    struct job *job = list->first;

    if (!job) return NULL;

    list->first = job->next;
    if (!list->first) list->last = &list->first;
    list->count--;
    return job;
}

static struct job *job_take(bool waits)
{
    struct job *job;

    pthread_mutex_lock(&pool.lock);
    while (!(job = list_take(&pool.queue)) && waits && !pool.stopping)
        pthread_cond_wait(&pool.work, &pool.lock);
    pthread_mutex_unlock(&pool.lock);

    return job;
}

/* NULL when the pool stops. Nobody sleeps on keys. */
static struct job *job_next(void)
{
    struct job *job = job_take(false);

    if (job) return job;
    crypto_forget();
    return job_take(true);
}

static void *worker_main(void *unused)
{
    struct worker worker = {
        .db = pool.config.conninfo ? db_new(pool.config.conninfo, pool.config.application) : NULL,
        .arena = arena_new(REQUEST_ARENA_BYTES_MAX),
    };
    struct job *job;

    (void)unused;
    current = &worker;
    while ((job = job_next())) {
        job->run(&worker, job);
        arena_reset(worker.arena);
    }
    if (worker.db) db_free(worker.db);
    arena_free(worker.arena);
    return NULL;
}

void workers_start(const struct workers_config *config)
{
    pool.config = *config;
    pool.queue.last = &pool.queue.first;
    pool.parked.last = &pool.parked.first;
    pool.threads = calloc(config->count, sizeof *pool.threads);
    if (!pool.threads) abort();

    for (unsigned i = 0; i < config->count; i++) {
        if (pthread_create(&pool.threads[i], NULL, worker_main, NULL) != 0) abort();
    }
}

void workers_stop(void)
{
    workers_unpark();
    pthread_mutex_lock(&pool.lock);
    pool.stopping = true;
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.lock);

    for (unsigned i = 0; i < pool.config.count; i++) pthread_join(pool.threads[i], NULL);
    free(pool.threads);
    pool.threads = NULL;
}

static bool put(struct job *job, size_t queue_max)
{
    pthread_mutex_lock(&pool.lock);
    const bool taken = pool.queue.count < queue_max && !pool.stopping;
    if (taken) {
        list_add(&pool.queue, job);
        pthread_cond_signal(&pool.work);
    }
    pthread_mutex_unlock(&pool.lock);

    return taken;
}

bool workers_put(struct job *job)
{
    return put(job, WORKER_QUEUE_MAX);
}

bool workers_put_timer(struct job *job)
{
    return put(job, SIZE_MAX);
}

bool workers_park(struct job *job, struct uuid actor)
{
    pthread_mutex_lock(&pool.lock);
    bool waits = pool.stopping;
    for (const struct job *other = pool.parked.first; other && !waits; other = other->next)
        waits = uuid_equal(other->actor, actor);
    if (!waits) {
        job->actor = actor;
        job->parked_until_us = clock_mono_us() + PARKED_US;
        list_add(&pool.parked, job);
    }
    pthread_mutex_unlock(&pool.lock);

    return !waits;
}

/* Puts back every parked job, or those whose time is over. The queue's bound does not apply: they
 * were counted when they came. */
static void unpark_until(int64_t until_us)
{
    struct list_of_jobs stay = {.last = &stay.first};
    struct job *job;

    pthread_mutex_lock(&pool.lock);
    while ((job = list_take(&pool.parked)))
        list_add(job->parked_until_us <= until_us ? &pool.queue : &stay, job);
    while ((job = list_take(&stay))) list_add(&pool.parked, job);
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.lock);
}

void workers_unpark(void)
{
    unpark_until(INT64_MAX);
}

void workers_unpark_late(void)
{
    unpark_until(clock_mono_us());
}

size_t workers_queued(void)
{
    pthread_mutex_lock(&pool.lock);
    const size_t n = pool.queue.count;
    pthread_mutex_unlock(&pool.lock);

    return n;
}
