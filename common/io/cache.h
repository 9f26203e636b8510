/*
 * cache - Redis over its Unix socket: free slots, presence, typing. Never PHI, never the only copy.
 *
 * A miss and a dead Redis look alike to the caller (found = false); presence that is unknown is
 * said to be unknown, never "offline". A dead server is tried again every second.
 *
 * Threads  a cache belongs to one thread.
 */
#pragma once

#include "common/base/arena.h"

struct cache;

struct cache *cache_new(const char *socket, unsigned timeout_ms);
struct cache *cache_free(struct cache *cache);
bool cache_get(struct cache *cache, struct str key, struct arena *arena, struct str *ret_value);
void cache_set(struct cache *cache, struct str key, struct str value, unsigned ttl_s);
void cache_del(struct cache *cache, struct str key);
