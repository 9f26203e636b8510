/*
 * Who is present, told from replica to replica through Redis.
 *
 * For each channel where somebody sits, every replica keeps its people in the sorted set
 * `here:<channel>`: members `<person>:<replica>`, scored by when they lapse. Each heartbeat writes
 * them anew, so those of a replica that died lapse. Words on one PUBLISH channel only say that
 * there is something to look at; what is true is what the set shows. Typing is such a word and
 * nothing more.
 *
 * When Redis goes, it may come back empty. So after each connection the others get some seconds to
 * write their people before anybody who is not seen is said to be gone.
 */
#include "services/messaging/messaging.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TOPIC "messaging.presence"
#define BEAT_US (3 * SECOND_US)
#define LAPSE_US (10 * SECOND_US)
#define RETRY_MS_MIN 50
#define RETRY_MS_MAX 2000
#define WHOLE_US (5 * SECOND_US) /* longer than another replica takes to try again */
#define ANSWER_S_MAX 1
#define SEEN_MAX 256 /* people of one channel elsewhere */
#define WORDS_MAX 1024
#define ARENA_BYTES_MAX (8u * 1024 * 1024)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct word words[WORDS_MAX]; /* under the lock, as the next three */
static size_t word_count;
static bool linked, stopping;

static pthread_t thread;
static int wake_fd = -1;
static struct uuid replica;

/* ---- words ---- */

static const char *const verbs[] = {"look", "gone", "typing"}; /* by enum verb */

const char *word_print(const struct word *word, char text[WORD_BYTES])
{
    snprintf(text, WORD_BYTES, "%s %s %s %s", verbs[word->verb], UUID_ARG(word->replica),
             UUID_ARG(word->channel), UUID_ARG(word->person));
    return text;
}

static bool word_read(struct str text, enum verb verb, struct word *ret_word)
{
    const size_t ids = strlen(verbs[verb]) + 1, step = UUID_TEXT + 1;
    struct word word = {.verb = verb};
    struct uuid *const to[] = {&word.replica, &word.channel, &word.person};

    if (!str_starts(text, verbs[verb]) || text.n != ids + 3 * step - 1) return false;
    for (size_t i = 0; i < 3; i++) {
        const char *id = text.p + ids + i * step;

        if (id[-1] != ' ' || !uuid_parse((struct str){id, UUID_TEXT}, to[i])) return false;
    }
    *ret_word = word;
    return true;
}

bool word_parse(struct str text, struct word *ret_word)
{
    return word_read(text, VERB_LOOK, ret_word) || word_read(text, VERB_GONE, ret_word) ||
           word_read(text, VERB_TYPING, ret_word);
}

static void wake(void)
{
    if (write(wake_fd, &(uint64_t){1}, sizeof(uint64_t)) < 0) abort();
}

void presence_say(enum verb verb, struct uuid channel, struct uuid person)
{
    pthread_mutex_lock(&lock);
    if (linked && word_count < WORDS_MAX) {
        words[word_count++] = (struct word){verb, replica, channel, person};
        wake();
    }
    pthread_mutex_unlock(&lock);
}

static size_t words_take(struct word taken[WORDS_MAX])
{
    pthread_mutex_lock(&lock);
    const size_t n = word_count;
    memcpy(taken, words, n * sizeof *words);
    word_count = 0;
    pthread_mutex_unlock(&lock);
    return n;
}

static bool is_stopping(void)
{
    pthread_mutex_lock(&lock);
    const bool now = stopping;
    pthread_mutex_unlock(&lock);
    return now;
}

static void link_tell(bool now)
{
    pthread_mutex_lock(&lock);
    linked = now;
    word_count = 0;
    pthread_mutex_unlock(&lock);
    log_line(now ? LOG_INFO : LOG_WARN, now ? "redis_found" : "redis_lost",
             now ? "presence is told across replicas" : "who is at other replicas is unknown");
}

/* ---- to Redis and back ---- */

struct link {
    redisContext *tell, *hear; /* who subscribes can ask nothing */
    struct arena *arena;
    size_t owed; /* answers that were not read yet */
};

static redisContext *redis_open(void)
{
    const struct messaging_settings *settings = service_settings();
    const struct timeval answer = {ANSWER_S_MAX, 0};
    redisContext *redis = redisConnectUnixWithTimeout(settings->redis, answer);

    if (redis && (redis->err || redisSetTimeout(redis, answer) != REDIS_OK)) {
        redisFree(redis);
        return NULL;
    }
    return redis;
}

static void link_close(struct link *link)
{
    redisFree(link->tell);
    redisFree(link->hear);
    link->tell = link->hear = NULL;
    link->owed = 0;
}

static bool link_open(struct link *link)
{
    link->tell = redis_open();
    link->hear = link->tell ? redis_open() : NULL;
    redisReply *reply = link->hear ? redisCommand(link->hear, "SUBSCRIBE " TOPIC) : NULL;
    const bool open = reply && reply->type == REDIS_REPLY_ARRAY;

    freeReplyObject(reply);
    if (!open) link_close(link);
    return open;
}

/* Goes out with the next link_settle(). */
static void link_say(struct link *link, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (redisvAppendCommand(link->tell, fmt, args) != REDIS_OK) abort();
    va_end(args);
    link->owed++;
}

static bool link_settle(struct link *link)
{
    for (; link->owed; link->owed--) {
        void *reply;

        if (redisGetReply(link->tell, &reply) != REDIS_OK) return false;
        freeReplyObject(reply);
    }
    return true;
}

/* ---- what is told ---- */

static long long real_ms(int64_t later_us)
{
    return (long long)((clock_real_us() + later_us) / MS_US);
}

static void here_say(struct link *link, struct uuid channel, struct uuid person)
{
    link_say(link, "ZADD here:%s %lld %s:%s", UUID_ARG(channel), real_ms(LAPSE_US),
             UUID_ARG(person), UUID_ARG(replica));
    link_say(link, "PEXPIRE here:%s %lld", UUID_ARG(channel), (long long)(LAPSE_US / MS_US));
}

static bool words_say(struct link *link)
{
    static struct word taken[WORDS_MAX];
    const size_t n = words_take(taken);
    char text[WORD_BYTES];

    for (size_t i = 0; i < n; i++) {
        if (taken[i].verb == VERB_LOOK) here_say(link, taken[i].channel, taken[i].person);
        if (taken[i].verb == VERB_GONE)
            link_say(link, "ZREM here:%s %s:%s", UUID_ARG(taken[i].channel),
                     UUID_ARG(taken[i].person), UUID_ARG(replica));
        link_say(link, "PUBLISH " TOPIC " %s", word_print(&taken[i], text));
    }
    return link_settle(link);
}

/* ---- what is seen; it goes to the loop, in order ---- */

struct sighting {
    struct uuid channel;
    size_t n;
    struct uuid people[];
};

static void sighted(void *user)
{
    const struct sighting *seen = user;

    seats_see(seen->channel, (struct uuids){seen->people, seen->n});
    free(user);
}

static void typed(void *user)
{
    const struct word *word = user;

    seats_typing(word->channel, word->person);
    free(user);
}

static void lost(void *unused)
{
    (void)unused;
    seats_lose();
}

static void all_told(void *unused)
{
    (void)unused;
    seats_whole();
}

/* `<person>:<replica>` of another replica. */
static bool member_parse(const redisReply *member, struct uuid *ret_person)
{
    struct uuid at;

    return member->type == REDIS_REPLY_STRING && member->len == 2 * UUID_TEXT + 1 &&
           uuid_parse((struct str){member->str, UUID_TEXT}, ret_person) &&
           uuid_parse((struct str){member->str + UUID_TEXT + 1, UUID_TEXT}, &at) &&
           !uuid_equal(at, replica);
}

static bool channel_look(struct link *link, struct uuid channel)
{
    redisReply *reply = redisCommand(link->tell, "ZRANGEBYSCORE here:%s %lld +inf LIMIT 0 %d",
                                     UUID_ARG(channel), real_ms(0), SEEN_MAX);
    struct sighting *seen = malloc(sizeof *seen + SEEN_MAX * sizeof *seen->people);

    if (!seen) abort();
    seen->channel = channel;
    seen->n = 0;
    for (size_t i = 0; reply && i < reply->elements; i++)
        seen->n += member_parse(reply->element[i], &seen->people[seen->n]);
    const bool answered = reply && reply->type == REDIS_REPLY_ARRAY;
    freeReplyObject(reply);
    if (answered)
        session_loop(sighted, seen);
    else
        free(seen);
    return answered;
}

static bool word_hear(struct link *link, struct str text)
{
    struct word word;

    if (!word_parse(text, &word) || !seats_hold(word.channel)) return true;
    if (word.verb != VERB_TYPING) return channel_look(link, word.channel);

    if (!uuid_equal(word.replica, replica)) { /* else it was told here already */
        struct word *copy = malloc(sizeof *copy);

        if (!copy) abort();
        *copy = word;
        session_loop(typed, copy);
    }
    return true;
}

static bool words_hear(struct link *link)
{
    void *any;

    if (redisBufferRead(link->hear) != REDIS_OK) return false;
    while (redisGetReplyFromReader(link->hear, &any) == REDIS_OK && any) {
        const redisReply *reply = any;
        const bool is_word = reply->elements == 3 && reply->element[2]->type == REDIS_REPLY_STRING;
        const bool good = !is_word || word_hear(link, (struct str){reply->element[2]->str,
                                                                   reply->element[2]->len});

        freeReplyObject(any);
        if (!good) return false;
    }
    return !link->hear->err;
}

/* Writes everybody who sits here, then looks at every channel. */
static bool beat(struct link *link)
{
    size_t n;
    const struct here *here = seats_here(link->arena, &n);
    bool good;

    for (size_t i = 0; i < n; i++) {
        here_say(link, here[i].channel, here[i].person);
        if (i == 0 || !uuid_equal(here[i].channel, here[i - 1].channel))
            link_say(link, "ZREMRANGEBYSCORE here:%s -inf (%lld", UUID_ARG(here[i].channel),
                     real_ms(0));
    }
    good = link_settle(link);
    for (size_t i = 0; i < n && good; i++) {
        if (i == 0 || !uuid_equal(here[i].channel, here[i - 1].channel))
            good = channel_look(link, here[i].channel);
    }
    arena_reset(link->arena);
    return good;
}

/* ---- the thread ---- */

/* Until something is to be said or heard. */
static bool link_wait(const struct link *link, int64_t until_us)
{
    struct pollfd fds[] = {{wake_fd, POLLIN, 0}, {link->hear ? link->hear->fd : -1, POLLIN, 0}};
    const int64_t left_us = until_us - clock_mono_us();
    uint64_t times;

    poll(fds, 2, left_us > 0 ? (int)(left_us / MS_US) + 1 : 0);
    if (fds[0].revents && read(wake_fd, &times, sizeof times) < 0) abort();
    return fds[1].revents != 0;
}

/* Returns when Redis is lost, or all is said and the service stops. */
static void link_run(struct link *link)
{
    const int64_t whole_at_us = clock_mono_us() + WHOLE_US;
    int64_t beat_at_us = 0;
    bool whole = false, last;

    do {
        last = is_stopping();
        if (!words_say(link)) return;
        if (!whole && clock_mono_us() >= whole_at_us) {
            whole = true;
            beat_at_us = 0;
            session_loop(all_told, NULL);
        }
        if (clock_mono_us() >= beat_at_us) {
            if (!beat(link)) return;
            beat_at_us = clock_mono_us() + BEAT_US;
        }
        if (!last && link_wait(link, beat_at_us) && !words_hear(link)) return;
    } while (!last);
}

static void *presence_main(void *unused)
{
    struct link link = {.arena = arena_new(ARENA_BYTES_MAX)};
    unsigned retry_ms = RETRY_MS_MIN;

    (void)unused;
    while (!is_stopping()) {
        if (!link_open(&link)) {
            link_wait(&link, clock_mono_us() + retry_ms * MS_US);
            retry_ms = retry_ms * 2 < RETRY_MS_MAX ? retry_ms * 2 : RETRY_MS_MAX;
            continue;
        }
        retry_ms = RETRY_MS_MIN;
        link_tell(true);
        link_run(&link);
        link_close(&link);
        if (is_stopping()) break;
        link_tell(false);
        session_loop(lost, NULL);
    }
    arena_free(link.arena);
    return NULL;
}

bool presence_shared(void)
{
    const struct messaging_settings *settings = service_settings();

    return *settings->redis != '\0';
}

void presence_start(void)
{
    if (!presence_shared()) return;

    replica = uuid_v4();
    wake_fd = eventfd(0, EFD_CLOEXEC);
    if (wake_fd < 0 || pthread_create(&thread, NULL, presence_main, NULL) != 0) abort();
}

void presence_stop(void)
{
    if (!presence_shared()) return;

    pthread_mutex_lock(&lock);
    stopping = true;
    wake();
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    close(wake_fd);
}
