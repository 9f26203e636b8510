#include "common/io/keys.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/codec/json.h"
#include "common/io/http.h"
#include "common/io/keys_link.h"

#include <assert.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define CALL_US (KEYS_CALL_MS * MS_US)
#define MANAGE_US (10 * SECOND_US) /* Argon2 and a commit */
#define CACHED_US (15 * MINUTE_US)
#define WAYS 8 /* slots that a name may stand in */
#define LINKS_MAX 8
#define DOMAIN_BYTES_MAX 32

/* A cached key. The slab that holds them is locked memory. */
struct slot {
    struct uuid org, patient;
    char domain[DOMAIN_BYTES_MAX + 1];
    struct key key;
    int64_t until_us; /* monotonic; 0: empty */
    bool current;     /* what keyd answered to a sealing */
};

/* A call to keyd that others wait for; it lives on its caller's stack. */
struct flight {
    const struct key_name *name;
    struct uuid dek_id; /* nil: the current one */
    bool dropped;       /* the patient was erased meanwhile */
    struct flight *next;
};

struct keys {
    char *socket;
    SSL_CTX *tls;
    pthread_mutex_t lock; /* guards all below, and is never held over a call */
    pthread_cond_t landed;
    struct slot *slots;
    size_t slot_count; /* a multiple of WAYS */
    struct flight *flights;
    struct keys_link *links[LINKS_MAX]; /* idle ones */
    size_t link_count;
};

/* ---- life ---- */

static SSL_CTX *tls_new(const struct http_tls *files)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

    if (!tls) abort();
    SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(tls, SSL_OP_CLEANSE_PLAINTEXT);
    if (SSL_CTX_load_verify_locations(tls, files->ca, NULL) == 1 &&
        SSL_CTX_use_certificate_chain_file(tls, files->cert) == 1 &&
        SSL_CTX_use_PrivateKey_file(tls, files->key, SSL_FILETYPE_PEM) == 1) {
        return tls;
    }
    ERR_clear_error();
    SSL_CTX_free(tls);
    return NULL;
}

struct keys *keys_new(const char *socket, const struct http_tls *tls, size_t cached_max)
{
    struct keys *keys = calloc(1, sizeof *keys);

    if (!keys) abort();
    keys->socket = strdup(socket);
    if (!keys->socket) abort();
    /* Without good files every call fails, which is what a caller can handle. */
    keys->tls = tls_new(tls);
    keys->slot_count = (cached_max + WAYS) / WAYS * WAYS;
    keys->slots = secret_alloc(keys->slot_count * sizeof *keys->slots);
    pthread_mutex_init(&keys->lock, NULL);
    pthread_cond_init(&keys->landed, NULL);
    return keys;
}

struct keys *keys_free(struct keys *keys)
{
    if (!keys) return NULL;
    assert(!keys->flights);
    while (keys->link_count > 0) keys_link_free(keys->links[--keys->link_count]);
    secret_free(keys->slots, keys->slot_count * sizeof *keys->slots);
    pthread_cond_destroy(&keys->landed);
    pthread_mutex_destroy(&keys->lock);
    SSL_CTX_free(keys->tls);
    free(keys->socket);
    free(keys);
    return NULL;
}

/* ---- the cache; under the lock ---- */

/* Patients' ids are random, so any mixing of them spreads well. */
static struct slot *slots_of(struct keys *keys, const struct key_name *name)
{
    uint64_t mixed = 0, part;

    for (size_t i = 0; i < sizeof(struct uuid); i += sizeof part) {
        memcpy(&part, name->org.b + i, sizeof part);
        mixed = (mixed ^ part) * 0x9e3779b97f4a7c15u;
        memcpy(&part, name->patient.b + i, sizeof part);
        mixed = (mixed ^ part) * 0x9e3779b97f4a7c15u;
    }
    for (const char *c = name->domain; *c; c++) mixed = (mixed ^ (uint8_t)*c) * 0x100000001b3u;
    return keys->slots + (mixed >> 20) % (keys->slot_count / WAYS) * WAYS;
}

static bool slot_is_of(const struct slot *slot, const struct key_name *name)
{
    return slot->until_us != 0 && uuid_equal(slot->patient, name->patient) &&
           uuid_equal(slot->org, name->org) && strcmp(slot->domain, name->domain) == 0;
}

static void slot_wipe(struct slot *slot)
{
    secret_wipe(slot, sizeof *slot);
}

static struct slot *slot_find(struct keys *keys, const struct key_name *name, struct uuid dek_id)
{
    struct slot *slots = slots_of(keys, name);
    const int64_t now_us = clock_mono_us();

    for (int i = 0; i < WAYS; i++) {
        if (slots[i].until_us != 0 && slots[i].until_us <= now_us) slot_wipe(&slots[i]);
        if (!slot_is_of(&slots[i], name)) continue;
        if (uuid_is_nil(dek_id) ? slots[i].current : uuid_equal(slots[i].key.id, dek_id)) {
            return &slots[i];
        }
    }
    return NULL;
}

/* Into the key's own slot, else the one that ends first; an empty one has ended. */
static void slot_put(struct keys *keys, const struct key_name *name, bool current,
                     const struct key *key)
{
    struct slot *slots = slots_of(keys, name), *to = slot_find(keys, name, key->id);

    current |= to && to->current;
    for (int i = 0; i < WAYS; i++) {
        if (current && slot_is_of(&slots[i], name)) slots[i].current = false;
        if (!to || (to->until_us > slots[i].until_us && !uuid_equal(to->key.id, key->id))) {
            to = &slots[i];
        }
    }
    slot_wipe(to); /* member by member: a whole slot would be made on the stack first */
    to->org = name->org;
    to->patient = name->patient;
    memcpy(to->domain, name->domain, strlen(name->domain));
    to->key = *key;
    to->current = current;
    to->until_us = clock_mono_us() + CACHED_US;
}

void keys_sweep(struct keys *keys, int64_t now_us)
{
    pthread_mutex_lock(&keys->lock);
    for (size_t i = 0; i < keys->slot_count; i++) {
        if (keys->slots[i].until_us != 0 && keys->slots[i].until_us <= now_us)
            slot_wipe(&keys->slots[i]);
    }
    pthread_mutex_unlock(&keys->lock);
}

void keys_drop(struct keys *keys, struct uuid patient)
{
    pthread_mutex_lock(&keys->lock);
    for (size_t i = 0; i < keys->slot_count; i++) {
        if (uuid_equal(keys->slots[i].patient, patient)) slot_wipe(&keys->slots[i]);
    }
    for (struct flight *f = keys->flights; f; f = f->next) {
        f->dropped |= uuid_equal(f->name->patient, patient);
    }
    pthread_mutex_unlock(&keys->lock);
}

/* ---- asking keyd ---- */

struct question {
    struct uuid org, patient, dek_id;
    struct str domain;
};

struct answer {
    struct uuid dek_id;
    struct bytes key;
};

/* clang-format off */
static const struct field question_fields[] = {
    {"org", UUID, offsetof(struct question, org), REQUIRED, 0, 0, NULL, NULL},
    {"patient", UUID, offsetof(struct question, patient), 0, 0, 0, NULL, NULL},
    {"domain", TEXT, offsetof(struct question, domain), REQUIRED, 1, DOMAIN_BYTES_MAX, NULL, NULL},
    {"dek_id", UUID, offsetof(struct question, dek_id), 0, 0, 0, NULL, NULL},
    {0},
};
static const struct field answer_fields[] = {
    {"dek_id", UUID, offsetof(struct answer, dek_id), REQUIRED, 0, 0, NULL, NULL},
    {"key", BYTES, offsetof(struct answer, key), REQUIRED | PHI, AEAD_KEY_BYTES, AEAD_KEY_BYTES, NULL, NULL},
    {0},
};
/* clang-format on */
static const struct shape question_shape = {"KeyQuestion", sizeof(struct question),
                                            question_fields};
static const struct shape answer_shape = {"KeyAnswer", sizeof(struct answer), answer_fields};

static struct keys_link *link_take(struct keys *keys)
{
    struct keys_link *link = NULL;

    pthread_mutex_lock(&keys->lock);
    if (keys->link_count > 0) link = keys->links[--keys->link_count];
    pthread_mutex_unlock(&keys->lock);
    return link;
}

static void link_give(struct keys *keys, struct keys_link *link)
{
    pthread_mutex_lock(&keys->lock);
    const bool room = keys->link_count < LINKS_MAX;
    if (room) keys->links[keys->link_count++] = link;
    pthread_mutex_unlock(&keys->lock);
    if (!room) keys_link_free(link);
}

/* On an idle link, which keyd may have closed, else on a new one. Asking twice is harmless. */
static bool ask(struct keys *keys, const char *path, struct str json, int64_t deadline_us,
                struct keys_answer *ret_answer)
{
    for (struct keys_link *idle; (idle = link_take(keys));) {
        if (keys_link_ask(idle, path, json, deadline_us, ret_answer)) {
            if (ret_answer->keep)
                link_give(keys, idle);
            else
                keys_link_free(idle);
            return true;
        }
        keys_link_free(idle);
    }
    if (!keys->tls) return false;
    struct keys_link *link = keys_link_open(keys->tls, keys->socket, deadline_us);
    const bool answered = link && keys_link_ask(link, path, json, deadline_us, ret_answer);
    if (answered && ret_answer->keep)
        link_give(keys, link);
    else
        keys_link_free(link);
    return answered;
}

static err_t answer_take(const struct key_name *name, struct uuid dek_id, struct arena *arena,
                         const struct keys_answer *from, struct key *ret_key)
{
    struct answer answer;
    struct json_fault fault;

    if (from->status == 404) return ERR_NOT_FOUND;
    if (from->status == 403) {
        return err_raise(ERR_INTERNAL, "keyd does not let this service have %s keys", name->domain);
    }
    if ((from->status != 200 && from->status != 201) ||
        json_decode_lenient(&answer_shape, str_bytes(from->body), arena, &answer, &fault) ||
        (!uuid_is_nil(dek_id) && !uuid_equal(answer.dek_id, dek_id))) {
        return err_raise(ERR_KEY_UNAVAILABLE, "keyd answered with status %d", from->status);
    }
    ret_key->id = answer.dek_id;
    memcpy(ret_key->secret, answer.key.p, sizeof ret_key->secret);
    return ERR_OK;
}

static err_t fetch(struct keys *keys, const struct key_name *name, struct uuid dek_id,
                   int64_t deadline_us, struct key *ret_key)
{
    const struct question question = {name->org, name->patient, dek_id, str_of(name->domain)};
    const char *path = uuid_is_nil(dek_id) ? "/v1/keys/seal" : "/v1/keys/open";
    struct arena *arena = arena_new(16 * 1024);
    struct keys_answer answer = {.n = 0};

    const struct str json = json_encode(arena, &question_shape, &question);
    const err_t err = ask(keys, path, json, deadline_us, &answer)
                          ? answer_take(name, dek_id, arena, &answer, ret_key)
                          : err_raise(ERR_KEY_UNAVAILABLE, "no answer from keyd");
    secret_wipe(&answer, sizeof answer);
    arena_free(arena);
    return err;
}

err_t keys_manage(struct keys *keys, const char *path, struct str json, struct arena *arena,
                  struct bytes *ret_json)
{
    struct keys_answer answer = {.n = 0};

    if (!ask(keys, path, json, clock_mono_us() + MANAGE_US, &answer))
        return err_raise(ERR_KEY_UNAVAILABLE, "no answer from keyd");
    const struct str body = arena_str(arena, answer.body);
    *ret_json = str_bytes(body);
    switch (answer.status) {
    case 200:
        return ERR_OK;
    case 403:
        return ERR_FORBIDDEN;
    case 404:
        return ERR_NOT_FOUND;
    case 422:
        return ERR_UNPROCESSABLE;
    default:
        return err_raise(ERR_KEY_UNAVAILABLE, "keyd answered with status %d", answer.status);
    }
}

/* ---- one call in flight a key ---- */

static bool in_flight(const struct keys *keys, const struct key_name *name, struct uuid dek_id)
{
    for (const struct flight *f = keys->flights; f; f = f->next) {
        if (uuid_equal(f->dek_id, dek_id) && uuid_equal(f->name->patient, name->patient) &&
            uuid_equal(f->name->org, name->org) && strcmp(f->name->domain, name->domain) == 0) {
            return true;
        }
    }
    return false;
}

static void flight_land(struct keys *keys, struct flight *flight)
{
    struct flight **at = &keys->flights;

    while (*at != flight) at = &(*at)->next;
    *at = flight->next;
    pthread_cond_broadcast(&keys->landed);
}

static err_t get(struct keys *keys, const struct key_name *name, struct uuid dek_id,
                 struct key *ret_key)
{
    const int64_t deadline_us = clock_mono_us() + CALL_US;
    struct flight flight = {.name = name, .dek_id = dek_id};
    const struct slot *slot;
    bool late = false;

    assert(name->domain && strlen(name->domain) <= DOMAIN_BYTES_MAX);
    pthread_mutex_lock(&keys->lock);
    while (!(slot = slot_find(keys, name, dek_id)) && in_flight(keys, name, dek_id) && !late) {
        late = !clock_wait(&keys->landed, &keys->lock, deadline_us);
    }
    if (slot) *ret_key = slot->key;
    if (!slot && !late) {
        flight.next = keys->flights;
        keys->flights = &flight;
    }
    pthread_mutex_unlock(&keys->lock);
    if (slot) return ERR_OK;
    if (late) return err_raise(ERR_KEY_UNAVAILABLE, "keyd has not answered another's call");

    const err_t err = fetch(keys, name, dek_id, deadline_us, ret_key);
    pthread_mutex_lock(&keys->lock);
    if (err == ERR_OK && !flight.dropped) slot_put(keys, name, uuid_is_nil(dek_id), ret_key);
    flight_land(keys, &flight);
    pthread_mutex_unlock(&keys->lock);
    return err;
}

bool keys_cached(struct keys *keys, const struct key_name *name, struct key *ret_key)
{
    pthread_mutex_lock(&keys->lock);
    const struct slot *slot = slot_find(keys, name, UUID_NIL);
    if (slot) *ret_key = slot->key;
    pthread_mutex_unlock(&keys->lock);
    return slot != NULL;
}

err_t keys_to_seal(struct keys *keys, const struct key_name *name, struct key *ret_key)
{
    return get(keys, name, UUID_NIL, ret_key);
}

err_t keys_to_open(struct keys *keys, const struct key_name *name, struct uuid dek_id,
                   struct key *ret_key)
{
    assert(!uuid_is_nil(dek_id));
    return get(keys, name, dek_id, ret_key);
}

struct shard_question {
    struct uuid org, shard;
};

struct shard_answer {
    int64_t destroyed;
};

/* clang-format off */
static const struct field shard_question_fields[] = {
    {"org", UUID, offsetof(struct shard_question, org), REQUIRED, 0, 0, NULL, NULL},
    {"shard", UUID, offsetof(struct shard_question, shard), REQUIRED, 0, 0, NULL, NULL},
    {0},
};
static const struct field shard_answer_fields[] = {
    {"destroyed", INT, offsetof(struct shard_answer, destroyed), REQUIRED, 0, INT64_MAX, NULL, NULL},
    {0},
};
/* clang-format on */
static const struct shape shard_question_shape = {"ShardQuestion", sizeof(struct shard_question),
                                                  shard_question_fields};
static const struct shape shard_answer_shape = {"ShardAnswer", sizeof(struct shard_answer),
                                                shard_answer_fields};

err_t keys_destroy_shard(struct keys *keys, struct uuid org, struct uuid shard, int64_t *ret_gone)
{
    const struct shard_question question = {org, shard};
    struct arena *const arena = arena_new(16 * 1024);
    struct keys_answer answer = {.n = 0};
    struct shard_answer gone;
    struct json_fault fault;

    const struct str json = json_encode(arena, &shard_question_shape, &question);
    const bool done =
        ask(keys, "/v1/keys/destroy_shard", json, clock_mono_us() + CALL_US, &answer) &&
        answer.status == 200 &&
        json_decode_lenient(&shard_answer_shape, str_bytes(answer.body), arena, &gone, &fault) ==
            ERR_OK;
    const int status = answer.status;
    arena_free(arena);
    if (!done) return err_raise(ERR_KEY_UNAVAILABLE, "keyd answered with status %d", status);
    *ret_gone = gone.destroyed;
    keys_drop(keys, shard);
    return ERR_OK;
}
