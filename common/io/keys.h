/*
 * keys - data keys (DEKs) from keyd, cached for 15 minutes.
 *
 * A DEK belongs to one (org, patient, domain). keyd makes it when a sealing service first asks and
 * answers only what its service x domain table allows to the caller, which it knows by its
 * certificate. One call in flight a key; a call takes at most KEYS_CALL_MS, else KEY_UNAVAILABLE.
 *
 * Threads  any; callers block. Keys live in locked memory and are wiped when dropped.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/sanitizer.h"
#include "common/base/uuid.h"
#include "common/crypto/aead.h"

#define KEYS_CALL_MS (IS_SANITIZED ? 1000 : 200) /* a sanitizer slows both ends down */

struct keys;
struct http_tls;

struct key {
    struct uuid id; /* dek_id */
    uint8_t secret[AEAD_KEY_BYTES];
};

struct key_name {
    struct uuid org, patient; /* patient nil: the organisation's own (audit) */
    const char *domain;       /* a word of kinds.def */
};

struct keys *keys_new(const char *socket, const struct http_tls *tls, size_t cached_max);
struct keys *keys_free(struct keys *keys);
/* The current key if it is cached: asks nobody. */
bool keys_cached(struct keys *keys, const struct key_name *name, struct key *ret_key);
/* The current key to seal with; made if there is none. ERR_NOT_FOUND for who was erased. */
err_t keys_to_seal(struct keys *keys, const struct key_name *name, struct key *ret_key);
/* That key and no other; ERR_NOT_FOUND when it was destroyed. */
err_t keys_to_open(struct keys *keys, const struct key_name *name, struct uuid dek_id,
                   struct key *ret_key);
/* audit alone: every key of a half year of its log, for ever; how many are gone by now. */
err_t keys_destroy_shard(struct keys *keys, struct uuid org, struct uuid shard, int64_t *ret_gone);
/* What is no key: @json to @path, the answer's body in @arena. Takes 10 s at most. keyd's refusals
 * are NOT_FOUND, FORBIDDEN and UNPROCESSABLE; all else is KEY_UNAVAILABLE. */
err_t keys_manage(struct keys *keys, const char *path, struct str json, struct arena *arena,
                  struct bytes *ret_json);
/* Wipes what has had its time; called now and then, since nobody else visits a key that is not
 * asked for any more. @now_us is monotonic. */
void keys_sweep(struct keys *keys, int64_t now_us);
void keys_drop(struct keys *keys, struct uuid patient); /* ERASED came by the revocation feed */
