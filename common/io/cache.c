#include "common/io/cache.h"

#include "common/base/clock.h"

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdlib.h>

#define RETRY_US SECOND_US

struct cache {
    char *socket;
    struct timeval timeout;
    redisContext *redis; /* NULL: not connected */
    int64_t retry_at_us; /* monotonic */
};

struct cache *cache_new(const char *socket, unsigned timeout_ms)
{
    struct cache *cache = calloc(1, sizeof *cache);

    if (!cache) abort();
    cache->socket = strdup(socket);
    if (!cache->socket) abort();
    cache->timeout = (struct timeval){timeout_ms / 1000, timeout_ms % 1000 * 1000};
    return cache;
}

struct cache *cache_free(struct cache *cache)
{
    if (!cache) return NULL;
    redisFree(cache->redis);
    free(cache->socket);
    free(cache);
    return NULL;
}

static void cache_drop(struct cache *cache)
{
    redisFree(cache->redis);
    cache->redis = NULL;
    cache->retry_at_us = clock_mono_us() + RETRY_US;
}

static bool cache_connected(struct cache *cache)
{
    if (cache->redis) return true;
    if (clock_mono_us() < cache->retry_at_us) return false;
    cache->redis = redisConnectUnixWithTimeout(cache->socket, cache->timeout);
    if (!cache->redis || cache->redis->err || redisSetTimeout(cache->redis, cache->timeout) != 0) {
        cache_drop(cache);
    }
    return cache->redis != NULL;
}

/* NULL when there is no answer: after half an answer the connection is of no more use. */
static redisReply *cache_ask(struct cache *cache, const char *fmt, ...)
{
    va_list args;

    if (!cache_connected(cache)) return NULL;
    va_start(args, fmt);
    redisReply *reply = redisvCommand(cache->redis, fmt, args);
    va_end(args);
    if (!reply) cache_drop(cache);
    return reply;
}

bool cache_get(struct cache *cache, struct str key, struct arena *arena, struct str *ret_value)
{
    redisReply *reply = cache_ask(cache, "GET %b", key.p, key.n);
    const bool found = reply && reply->type == REDIS_REPLY_STRING;

    if (found) *ret_value = arena_str(arena, (struct str){reply->str, reply->len});
    freeReplyObject(reply);
    return found;
}

void cache_set(struct cache *cache, struct str key, struct str value, unsigned ttl_s)
{
    freeReplyObject(cache_ask(cache, "SET %b %b EX %u", key.p, key.n, value.p, value.n, ttl_s));
}

void cache_del(struct cache *cache, struct str key)
{
    freeReplyObject(cache_ask(cache, "DEL %b", key.p, key.n));
}
