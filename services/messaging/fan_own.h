/*
 * fan_own - what fan.c (messages: from commits to sockets) and seats.c (who sits where, and who is
 * told of it) share. For nobody else.
 */
#pragma once

#include "services/messaging/messaging.h"

#include <pthread.h>

#define BUCKETS 1024

struct channel {
    struct channel *next;
    struct uuid org, id, patient;
    int64_t top; /* the highest offset that we heard of */
    struct seat *seats;
    struct roster roster;
};

extern pthread_mutex_t fan_lock; /* every channel and all in it */
extern struct channel *fan_buckets[BUCKETS];
extern size_t fan_channel_count;

/* Where the channel hangs, or would; under the lock. */
struct channel **fan_place(struct uuid id);
/* Somebody sits there who was not sent all. */
bool fan_lacks(const struct channel *channel);
