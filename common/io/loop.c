#include "common/io/loop.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BEATS 10 /* the loop shows this often per bound that it lives */

struct post {
    void (*fn)(void *);
    void *user;
    struct post *next;
};

struct every {
    struct event *event;
    void (*fn)(void *);
    void *user;
    struct every *next;
};

struct loop {
    struct event_base *base;
    struct event *wake;
    int wake_fd;
    struct every *timers;
    pthread_mutex_t lock; /* guards the queue */
    struct post *first, **last;

    unsigned turn_ms_max;
    atomic_uint missed; /* beats since the loop's last turn */
    pthread_t watchdog;
    pthread_mutex_t watch_lock;
    pthread_cond_t watch_end;
    bool watching;
};

/* ---- libevent's buffers hold PHI and tokens: they are wiped when freed ---- */

static void wiping_free(void *p)
{
    if (p) secret_wipe(p, malloc_usable_size(p));
    free(p);
}

static void *wiping_realloc(void *old, size_t n)
{
    const size_t had = old ? malloc_usable_size(old) : 0;
    void *new = malloc(n);

    if (!new || !old) return new;
    memcpy(new, old, had < n ? had : n);
    wiping_free(old);
    return new;
}

static void libevent_setup(void)
{
    event_set_mem_functions(malloc, wiping_realloc, wiping_free);
    signal(SIGPIPE, SIG_IGN); /* a client that is gone is an error code, not a death */
}

/* ---- posting ---- */

static void posts_run(evutil_socket_t fd, short what, void *user)
{
    struct loop *loop = user;
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN) abort();
    pthread_mutex_lock(&loop->lock);
    struct post *post = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    pthread_mutex_unlock(&loop->lock);
    while (post) {
        struct post *next = post->next;
        post->fn(post->user);
        free(post);
        post = next;
    }
}

void loop_post(struct loop *loop, void (*fn)(void *), void *user)
{
    struct post *post = malloc(sizeof *post);

    if (!post) abort();
    *post = (struct post){fn, user, NULL};
    pthread_mutex_lock(&loop->lock);
    const bool idle = loop->first == NULL;
    *loop->last = post;
    loop->last = &post->next;
    pthread_mutex_unlock(&loop->lock);
    if (idle && write(loop->wake_fd, &(uint64_t){1}, sizeof(uint64_t)) < 0) abort();
}

/* ---- timers ---- */

static struct timeval timeval_of(unsigned ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static void every_fire(evutil_socket_t fd, short what, void *user)
{
    const struct every *every = user;

    (void)fd;
    (void)what;
    every->fn(every->user);
}

void loop_every(struct loop *loop, unsigned every_ms, void (*fn)(void *), void *user)
{
    struct every *every = malloc(sizeof *every);
    const struct timeval each = timeval_of(every_ms);

    assert(every_ms > 0);
    if (!every) abort();
    *every = (struct every){.fn = fn, .user = user, .next = loop->timers};
    every->event = event_new(loop->base, -1, EV_PERSIST, every_fire, every);
    if (!every->event || event_add(every->event, &each) < 0) abort();
    loop->timers = every;
}

/* ---- watchdog ---- */

static void loop_beat(void *user)
{
    struct loop *loop = user;

    atomic_store(&loop->missed, 0);
}

/* Counts its own waits instead of reading a clock: a stopped or starved process stops counting. */
static void *watchdog_run(void *user)
{
    struct loop *loop = user;
    const unsigned beat_ms = loop->turn_ms_max / BEATS;

    pthread_mutex_lock(&loop->watch_lock);
    while (loop->watching) {
        const int64_t until_us = clock_mono_us() + beat_ms * MS_US;

        if (clock_wait(&loop->watch_end, &loop->watch_lock, until_us)) continue;
        if (atomic_fetch_add(&loop->missed, 1) < BEATS) continue;
        log_line(LOG_FAULT, "loop_stuck", "a turn of the loop took over %u ms", loop->turn_ms_max);
        abort();
    }
    pthread_mutex_unlock(&loop->watch_lock);
    return NULL;
}

static void watchdog_start(struct loop *loop, unsigned turn_ms_max)
{
    assert(turn_ms_max >= BEATS);
    loop->turn_ms_max = turn_ms_max;
    loop_every(loop, turn_ms_max / BEATS, loop_beat, loop);
    loop_beat(loop);
    loop->watching = true;
    if (pthread_create(&loop->watchdog, NULL, watchdog_run, loop) != 0) abort();
}

static void watchdog_stop(struct loop *loop)
{
    pthread_mutex_lock(&loop->watch_lock);
    loop->watching = false;
    pthread_cond_signal(&loop->watch_end);
    pthread_mutex_unlock(&loop->watch_lock);
    pthread_join(loop->watchdog, NULL);
}

/* ---- life ---- */

struct loop *loop_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct loop *loop = calloc(1, sizeof *loop);

    pthread_once(&once, libevent_setup);
    if (!loop) abort();
    loop->last = &loop->first;
    pthread_mutex_init(&loop->lock, NULL);
    pthread_mutex_init(&loop->watch_lock, NULL);
    pthread_cond_init(&loop->watch_end, NULL);
    loop->base = event_base_new();
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!loop->base || loop->wake_fd < 0) abort();
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, posts_run, loop);
    if (!loop->wake || event_add(loop->wake, NULL) < 0) abort();
    return loop;
}

struct loop *loop_free(struct loop *loop)
{
    if (!loop) return NULL;
    posts_run(loop->wake_fd, 0, loop); /* what was posted late owns memory */
    while (loop->timers) {
        struct every *every = loop->timers;
        loop->timers = every->next;
        event_free(every->event);
        free(every);
    }
    event_free(loop->wake);
    close(loop->wake_fd);
    event_base_free(loop->base);
    pthread_cond_destroy(&loop->watch_end);
    pthread_mutex_destroy(&loop->watch_lock);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
    return NULL;
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

int loop_run(struct loop *loop, unsigned turn_ms_max)
{
    watchdog_start(loop, turn_ms_max);
    const int result = event_base_dispatch(loop->base);
    watchdog_stop(loop);
    return result < 0 ? -1 : 0;
}

void loop_stop(struct loop *loop)
{
    event_base_loopbreak(loop->base);
}
