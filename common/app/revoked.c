/*
 * The revocation feed in memory: whole, on every replica, asked at each use.
 *
 * Sets of ids under one lock; the feed keeps 14 days, so they stay small.
 */
#include "common/app/auth.h"
#include "common/base/clock.h"
#include "common/io/consumer.h"

#include "telecura/v1/events.pb-c.h"

#include <pthread.h>
#include <stdlib.h>

struct entry {
    struct uuid id; /* nil: empty */
    int64_t at_us;  /* 0: taken back */
    bool expired;   /* a consent: by itself */
};

struct set {
    struct entry *entries; /* open addressing, at most half full */
    size_t size, count;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct set persons, changed, grants, visits, consents[CONSENTS];

static size_t id_hash(struct uuid id)
{
    size_t h;

    memcpy(&h, id.b + 8, sizeof h); /* the random half */
    return h * 0x9e3779b97f4a7c15u;
}

static struct entry *slot_of(const struct set *set, struct uuid id)
{
    size_t i = id_hash(id) & (set->size - 1);

    while (!uuid_is_nil(set->entries[i].id) && !uuid_equal(set->entries[i].id, id))
        i = (i + 1) & (set->size - 1);
    return &set->entries[i];
}

static void set_grow(struct set *set)
{
    const struct set old = *set;

    set->size = old.size ? old.size * 2 : 64;
    set->entries = calloc(set->size, sizeof *set->entries);
    if (!set->entries) abort();

    for (size_t i = 0; i < old.size; i++) {
        if (!uuid_is_nil(old.entries[i].id)) *slot_of(set, old.entries[i].id) = old.entries[i];
    }
    free(old.entries);
}

static void set_put(struct set *set, ProtobufCBinaryData id, struct entry put)
{
    if (!uuid_from_bytes(bytes_of(id.data, id.len), &put.id) || uuid_is_nil(put.id)) return;
    if (set->count * 2 >= set->size) set_grow(set);

    struct entry *entry = slot_of(set, put.id);
    if (uuid_is_nil(entry->id)) set->count++;
    *entry = put;
}

/* All 0 when it is not in. */
static struct entry set_find(const struct set *set, struct uuid id)
{
    struct entry found = {0};

    pthread_rwlock_rdlock(&lock);
    if (set->size && !uuid_is_nil(id)) found = *slot_of(set, id);
    pthread_rwlock_unlock(&lock);
    return found;
}

void revoked_hear(const struct event *event)
{
    const Telecura__V1__RevocationEvent *ev = (const void *)event->message;
    const struct entry taken_back = {0};
    struct entry now = {.at_us = event->at_us};
    enum consent consent;

    if (!ev) return;

    pthread_rwlock_wrlock(&lock);
    switch (ev->kind) {
    case TELECURA__V1__REVOCATION_EVENT__KIND__PERSON_DISABLED:
        set_put(&persons, ev->person, now);
        set_put(&changed, ev->person, now);
        break;
    case TELECURA__V1__REVOCATION_EVENT__KIND__MEMBER_CHANGED: /* come back as who you are now */
        set_put(&persons, ev->person, taken_back);
        set_put(&changed, ev->person, now);
        break;
    case TELECURA__V1__REVOCATION_EVENT__KIND__GRANT_REVOKED:
        set_put(&grants, ev->grant, now);
        break;
    case TELECURA__V1__REVOCATION_EVENT__KIND__VISIT_CLOSED:
        set_put(&visits, ev->visit, now);
        break;
    case TELECURA__V1__REVOCATION_EVENT__KIND__CONSENT_REVOKED:
    case TELECURA__V1__REVOCATION_EVENT__KIND__CONSENT_EXPIRED:
        now.expired = ev->kind == TELECURA__V1__REVOCATION_EVENT__KIND__CONSENT_EXPIRED;
        if (!consent_parse(str_of(ev->scope), &consent)) break;
        set_put(&consents[consent], ev->patient, now);
        break;
    default:
        break;
    }
    pthread_rwlock_unlock(&lock);
}

bool revoked_person(struct uuid person)
{
    return set_find(&persons, person).at_us != 0;
}

bool revoked_person_since(struct uuid person, int64_t since_us)
{
    return set_find(&changed, person).at_us > since_us;
}

bool revoked_grant(struct uuid grant)
{
    return set_find(&grants, grant).at_us != 0;
}

bool revoked_visit(struct uuid visit)
{
    return set_find(&visits, visit).at_us != 0;
}

int64_t revoked_consent_us(struct uuid patient, enum consent consent)
{
    return set_find(&consents[consent], patient).at_us;
}

bool revoked_consent_expired(struct uuid patient, enum consent consent)
{
    return set_find(&consents[consent], patient).expired;
}
