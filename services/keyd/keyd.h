/*
 * keyd - the keys of everything sealed: made once, wrapped by a key that never leaves this process,
 * given to those whom domains.def names.
 *
 * Threads    handlers run on workers; the KEK is opened at start and const afterwards.
 * Ownership  a data key in the clear lives in its act's arena and is wiped after the reply.
 */
#pragma once

#include "common/app/service.h"
#include "common/crypto/aead.h"

struct keyd_settings {
    struct common_settings common;
    const char *kek_file, *kek_passphrase;
};

/* ---- domains.c: the table ---- */

enum use { USE_SEAL, USE_OPEN };

/* ERR_FORBIDDEN unless domains.def gives @service the @use of that @domain for that @patient. */
err_t domain_may(const char *service, enum use use, struct str domain, struct uuid patient);
bool domain_known(const char *domain);

/* ---- kek.c: the key that wraps ---- */

#define WRAPPED_BYTES (AEAD_KEY_BYTES + AEAD_OVERHEAD_BYTES)

struct dek_name { /* bound into the wrapping: a row that was moved does not open */
    struct uuid org, patient, id;
    struct str domain;
};

/* Opens the sealed @file, or makes it (0600) when @may_make. A fault names the file and what mends
 * it. */
err_t kek_open(const char *file, const char *passphrase, bool may_make);
void kek_close(void); /* wipes */
void kek_wrap(const struct dek_name *name, const uint8_t key[AEAD_KEY_BYTES],
              uint8_t ret_wrapped[WRAPPED_BYTES]);
err_t kek_unwrap(const struct dek_name *name, struct bytes wrapped,
                 uint8_t ret_key[AEAD_KEY_BYTES]);

/* ---- what is asked and answered ---- */

struct seal_ask {
    struct uuid org, patient;
    struct str domain;
};
struct open_ask {
    struct uuid org, patient, dek_id;
    struct str domain;
};
struct destroy_ask {
    struct uuid org, patient;
};
struct key_answer {
    struct uuid dek_id;
    struct bytes key;
};
struct destroy_answer {
    int64_t destroyed;
};

extern const struct shape seal_shape, open_shape, destroy_shape, key_shape, destroyed_shape;
extern const struct route keyd_routes[];

handler key_seal, key_open, key_destroy;
err_t keyd_start(void);
