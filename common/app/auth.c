#include "common/app/auth.h"
#include "common/app/sql.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/crypto/hash.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CACHED_MAX 4096
#define WAYS 4 /* slots where a token may stand: two that meet do not drive each other out */
#define CACHED_US (30 * SECOND_US)
#define KEYS_FILE_BYTES_MAX (256 * 1024)

struct cached {
    struct hash token; /* of token, organisation and role as they came */
    struct actor actor;
    int64_t until_us; /* monotonic */
    unsigned generation;
};

struct auth {
    struct auth_config config;
    pthread_rwlock_t keys_lock;
    struct jws_keys *keys;
    struct timespec keys_mtime;
    _Atomic int64_t keys_asked_us;
    pthread_mutex_t cache_lock;
    struct cached cache[CACHED_MAX];
};

static _Atomic unsigned generation; /* raised when a membership changed: forgets all actors */

void auth_forget(void)
{
    atomic_fetch_add(&generation, 1);
}

struct auth *auth_free(struct auth *auth)
{
    if (!auth) return NULL;

    jws_keys_free(auth->keys);
    pthread_rwlock_destroy(&auth->keys_lock);
    pthread_mutex_destroy(&auth->cache_lock);
    secret_wipe(auth, sizeof *auth);
    free(auth);
    return NULL;
}

static struct jws_keys *keys_read(const char *path)
{
    FILE *file = fopen(path, "re");

    if (!file) return NULL;

    char *text = malloc(KEYS_FILE_BYTES_MAX);
    if (!text) abort();
    const size_t n = fread(text, 1, KEYS_FILE_BYTES_MAX, file);
    struct jws_keys *keys = jws_keys_new(bytes_of(text, n));

    fclose(file);
    free(text);
    return keys;
}

/* The file changes when the identity provider rotates its keys; looked at once a second. A file
 * that is gone or broken leaves the known keys in use. */
static void keys_refresh(struct auth *auth)
{
    const int64_t now_us = clock_mono_us();
    struct stat st;

    if (now_us - atomic_load(&auth->keys_asked_us) < SECOND_US && auth->keys_asked_us != 0) return;
    atomic_store(&auth->keys_asked_us, now_us);
    if (stat(auth->config.idp_keys, &st) != 0) return;

    pthread_rwlock_wrlock(&auth->keys_lock);
    if (st.st_mtim.tv_sec != auth->keys_mtime.tv_sec ||
        st.st_mtim.tv_nsec != auth->keys_mtime.tv_nsec) {
        struct jws_keys *fresh = keys_read(auth->config.idp_keys);

        if (fresh) {
            jws_keys_free(auth->keys);
            auth->keys = fresh;
            auth->keys_mtime = st.st_mtim;
        } else {
            log_line(LOG_WARN, "idp_keys", "the key file is not a key set; the former keys stay");
        }
    }
    pthread_rwlock_unlock(&auth->keys_lock);
}

struct auth *auth_new(const struct auth_config *config)
{
    struct auth *auth = calloc(1, sizeof *auth);

    if (!auth) abort();
    auth->config = *config;
    pthread_rwlock_init(&auth->keys_lock, NULL);
    pthread_mutex_init(&auth->cache_lock, NULL);
    keys_refresh(auth); /* of two first requests the second would not wait for it */
    return auth;
}

err_t auth_claims(struct auth *auth, struct str token, struct jws_claims *ret_claims)
{
    const struct jws_expect expect = {auth->config.issuer, auth->config.audience, clock_real_us()};

    if (!token.p) return ERR_UNAUTHENTICATED;
    keys_refresh(auth);

    pthread_rwlock_rdlock(&auth->keys_lock);
    const err_t err =
        auth->keys ? jws_verify(auth->keys, token, &expect, ret_claims) : ERR_UNAVAILABLE;
    pthread_rwlock_unlock(&auth->keys_lock);

    return err == ERR_UNAVAILABLE ? err_raise(err, "no identity provider's keys: make keys")
                                  : err;
}

/* The first of a token's WAYS slots. */
static struct cached *cache_set(struct auth *auth, const struct hash *token)
{
    return &auth->cache[(token->b[0] << 8 | token->b[1]) % (CACHED_MAX / WAYS) * WAYS];
}

static bool cache_find(struct auth *auth, const struct hash *token, struct actor *ret_actor)
{
    const struct cached *slot = cache_set(auth, token), *const end = slot + WAYS;
    bool found = false;

    pthread_mutex_lock(&auth->cache_lock);
    while (slot < end && !hash_equal(&slot->token, token)) slot++;
    if (slot < end)
        found = slot->until_us > clock_mono_us() && slot->generation == atomic_load(&generation) &&
                slot->actor.token_ends_us > clock_real_us();
    if (found) *ret_actor = slot->actor;
    pthread_mutex_unlock(&auth->cache_lock);

    return found;
}

/* In its own old slot, else in that which ends first. */
static void cache_put(struct auth *auth, const struct hash *token, const struct actor *actor,
                      unsigned asked_at)
{
    struct cached *const set = cache_set(auth, token), *slot = set;

    pthread_mutex_lock(&auth->cache_lock);
    for (size_t i = 1; i < WAYS && !hash_equal(&slot->token, token); i++) {
        if (hash_equal(&set[i].token, token) || set[i].until_us < slot->until_us) slot = &set[i];
    }
    *slot = (struct cached){*token, *actor, clock_mono_us() + CACHED_US, asked_at};
    pthread_mutex_unlock(&auth->cache_lock);
}

/* A program's own token is for a client's membership, and for no other. */
static bool is_for(const struct member_row *row, const struct jws_claims *claims)
{
    return str_is(row->role, role_word(ROLE_CLIENT)) == claims->machine;
}

/* Which of the person's memberships acts: the only one that is meant. A refused choice stands on
 * record in the organisation that was meant, or in one of theirs: @ret_row is NULL only for nobody.
 */
static err_t member_choose(const struct member_row_rows *rows, const struct jws_claims *claims,
                           const struct sign_in *sign_in, const struct member_row **ret_row)
{
    struct uuid org = UUID_NIL;
    const bool sound = !sign_in->org.p || uuid_parse(sign_in->org, &org);
    int best = 0, meant = 0;

    *ret_row = NULL;
    for (size_t i = 0; i < rows->n; i++) {
        const struct member_row *row = &rows->p[i];
        const bool here = sound && (!sign_in->org.p || uuid_equal(row->org, org));
        const bool this = here && is_for(row, claims) &&
                          (!sign_in->role.p || str_equal(row->role, sign_in->role));
        const int rank = 1 + here + this;

        meant += this;
        if (rank <= best) continue;
        best = rank;
        *ret_row = row;
    }
    if (!sound) return ERR_BAD_ORG;
    return meant == 1 ? ERR_OK : ERR_FORBIDDEN;
}

struct uuid auth_trace(const char *what, const char *issuer, const char *id)
{
    struct uuid name = UUID_NIL;

    if (!*id) return name;
    const struct hash hash =
        hash_sha256_3(bytes_of(what, strlen(what) + 1), bytes_of(issuer, strlen(issuer) + 1),
                      str_bytes(str_of(id)));
    memcpy(name.b, hash.b, sizeof name.b);
    return name;
}

static err_t member_find(struct db *db, struct arena *arena, const struct jws_claims *claims,
                         const struct sign_in *sign_in, struct actor *ret_actor)
{
    const struct tx_frame frame = {
        .now_us = clock_now_us(), .arena = arena, .deadline_us = clock_mono_us() + 2 * SECOND_US};
    const struct member_sign_in who = {str_of(claims->iss), str_of(claims->sub)};
    const struct member_row *row;
    struct member_row_rows rows;
    enum role role;

    struct tx *tx = tx_begin(db, &frame);
    const err_t err = member_sign_in(tx, &who, &rows);
    tx_rollback(tx);
    TRY(err);
    const err_t chosen = member_choose(&rows, claims, sign_in, &row);
    if (!row || !role_parse(row->role, &role)) return ERR_FORBIDDEN;

    *ret_actor = (struct actor){.role = role,
                                .person = row->person,
                                .org = row->org,
                                .patient = row->patient_id,
                                .token = auth_trace(TRACE_TOKEN, claims->iss, claims->jti),
                                .sign_in = auth_trace(TRACE_SIGN_IN, claims->iss, claims->sid),
                                .scopes = policy_scopes(str_of(claims->scope)),
                                .machine = claims->machine,
                                .acr = claims->machine ? 0 : claims->acr,
                                .auth_time_us = claims->auth_time_s * SECOND_US,
                                .token_ends_us = claims->exp_s * SECOND_US};
    if (claims->machine) ret_actor->scopes.narrow = true;
    return chosen;
}

/* A choice of nothing is no choice that was not made. */
static struct hash sign_in_hash(const struct sign_in *sign_in)
{
    const char said[] = {'\n', sign_in->org.p ? 'o' : '-', sign_in->role.p ? 'r' : '-'};
    const struct hash chosen = hash_sha256_3(str_bytes(sign_in->org), bytes_of(said, sizeof said),
                                             str_bytes(sign_in->role));

    return hash_sha256_2(str_bytes(sign_in->token), bytes_of(chosen.b, sizeof chosen.b));
}

err_t auth_actor(struct auth *auth, struct db *db, struct arena *arena,
                 const struct sign_in *sign_in, struct actor *ret_actor)
{
    const unsigned asked_at = atomic_load(&generation);
    struct jws_claims claims;

    if (!sign_in->token.p) return ERR_UNAUTHENTICATED;

    const struct hash key = sign_in_hash(sign_in);
    if (!cache_find(auth, &key, ret_actor)) {
        TRY(auth_claims(auth, sign_in->token, &claims));
        TRY(member_find(db, arena, &claims, sign_in, ret_actor));
        cache_put(auth, &key, ret_actor, asked_at);
    }
    return revoked_person(ret_actor->person) ? ERR_UNAUTHENTICATED : ERR_OK;
}
