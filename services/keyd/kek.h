/*
 * kek - the keys that wrap data keys, by whatever keeps them: a provider.
 *
 * A key is named by its version, 1, 2, 3 ..., given by the caller and never given again. What was
 * wrapped under one version opens under that one only, and only with the @name it was wrapped for.
 * Which version is the current one, and which may go, is the database's to say (turn.c); a provider
 * only keeps keys. tests/unit/keyd/test_kek.c is what every provider must pass.
 *
 * Threads    open and close from one; the rest from any, also at once.
 * Ownership  a key never leaves its provider; wrapped keys live in the caller's arena.
 * Errors     a fault names the key or file and what mends it. ERR_CORRUPT: it does not open;
 *            ERR_UNAVAILABLE: not now, or there is no such version (any more).
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/crypto/aead.h"

struct kek_config {
    const char *file, *passphrase;
    bool may_make; /* version 1, when there is nothing at all */
};

struct dek_name { /* bound into the wrapping: a row that was moved does not open */
    struct uuid org, patient, id;
    struct str domain;
};

struct kek_provider {
    const char *name;
    err_t (*open)(const struct kek_config *config);
    void (*close)(void); /* wipes; may be called when it is not open */
    /* It can be used now, and would open again after a restart. */
    err_t (*health)(void);
    bool (*has)(int version);
    /* Kept for good when it returns: what is wrapped under it opens. OK when it is there. */
    err_t (*make)(int version);
    /* Nothing opens under it ever after. OK when it is not there. */
    err_t (*retire)(int version);
    err_t (*wrap)(struct arena *arena, int version, const struct dek_name *name,
                  const uint8_t key[AEAD_KEY_BYTES], struct bytes *ret_wrapped);
    err_t (*unwrap)(int version, const struct dek_name *name, struct bytes wrapped,
                    uint8_t ret_key[AEAD_KEY_BYTES]);
    /* The same key under @to; it is never in the clear outside the provider. */
    err_t (*rewrap)(struct arena *arena, int from, int to, const struct dek_name *name,
                    struct bytes wrapped, struct bytes *ret_wrapped);
};

extern const struct kek_provider kek_file;
