/*
 * keyd - the keys of everything sealed: made once, wrapped by a key that never leaves its provider
 * (kek.h), given to those whom domains.def names.
 *
 * Threads    handlers run on workers.
 * Ownership  a data key in the clear lives in its act's arena and is wiped after the reply.
 */
#pragma once

#include "common/app/service.h"
#include "services/keyd/kek.h"

struct dek_row;

struct keyd_settings {
    struct common_settings common;
    const char *kek_file, *kek_passphrase;
    int64_t dek_grace_s;
};

/* ---- domains.c: the table ---- */

enum use { USE_SEAL, USE_OPEN };

/* ERR_FORBIDDEN unless domains.def gives @service the @use of that @domain for that @patient. */
err_t domain_may(const char *service, enum use use, struct str domain, struct uuid patient);
bool domain_known(const char *domain);
struct strs domains_renewable(struct arena *arena);
/* Words: whose rows hold what is sealed under it; "" when it is not renewed. */
struct str domain_rests(struct str domain);
bool domain_rests_with(struct str domain, const char *service);
/* Keys are rotated and destroyed at the word of access alone, which knows who asks it. */
err_t keys_manager(const struct act *act);

/* ---- turn.c: from one KEK to the next ---- */

extern const struct kek_provider *const kek;

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
    struct uuid org, patient, erasure, asked_by, approved_by;
};
struct renew_ask {
    struct uuid org, patient;
    struct str domain;
};
struct destroy_shard_ask {
    struct uuid org, shard;
};
struct key_answer {
    struct uuid dek_id;
    struct bytes key;
};
struct destroy_answer {
    int64_t destroyed;
    struct str certificate, public_key;
};
struct renew_answer {
    int64_t renewed;
};
struct renewed_answer {
    struct list keys; /* struct dek_renewed, of renew.sql */
};
struct clean_answer {
    bool clean; /* false: ask again when the grace is over */
};
struct keys_status {
    struct str provider;
    bool healthy;
    struct list keks; /* struct kek_shown, of kek.sql */
};

extern const struct shape destroy_shard_shape;
extern const struct shape seal_shape, open_shape, destroy_shape, key_shape, destroyed_shape,
    status_shape, empty_shape, renew_shape, renew_answer_shape, renewed_shape, clean_shape;
extern const struct route keyd_routes[];
extern const struct timer keyd_timers[];
extern const struct setting keyd_setting_rows[];

handler key_seal, key_open, key_destroy, key_destroy_shard, kek_status, kek_rotate, kek_turn,
    dek_renew, deks_renewed, dek_clean;
/* The act happens in the organisation that its body names, about the patient that it names. */
err_t key_about(struct act *act, struct uuid org, struct uuid patient);
/* The current key of (org of the act, @patient, @domain), made if there is none. */
err_t key_current(struct act *act, struct uuid patient, struct str domain, struct dek_row *ret);
err_t keyd_start(void);
