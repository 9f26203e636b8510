#include "services/keyd/keyd.h"
#include "services/keyd/sql.h"

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const struct field seal_fields[] = {
    {"org", UUID, IN(seal_ask, org), 0, 0, 0},
    {"patient", UUID, IN(seal_ask, patient), 0, 0, 0},
    {"domain", TEXT, IN(seal_ask, domain), REQUIRED, 1, 32},
    {0},
};
const struct shape seal_shape = {"KeyToSeal", sizeof(struct seal_ask), seal_fields};

static const struct field open_fields[] = {
    {"org", UUID, IN(open_ask, org), 0, 0, 0},
    {"patient", UUID, IN(open_ask, patient), 0, 0, 0},
    {"domain", TEXT, IN(open_ask, domain), REQUIRED, 1, 32},
    {"dek_id", UUID, IN(open_ask, dek_id), REQUIRED, 0, 0},
    {0},
};
const struct shape open_shape = {"KeyToOpen", sizeof(struct open_ask), open_fields};

static const struct field destroy_fields[] = {
    {"org", UUID, IN(destroy_ask, org), REQUIRED, 0, 0},
    {"patient", UUID, IN(destroy_ask, patient), REQUIRED, 0, 0},
    {"erasure", UUID, IN(destroy_ask, erasure), REQUIRED, 0, 0},
    {"asked_by", UUID, IN(destroy_ask, asked_by), REQUIRED, 0, 0},
    {"approved_by", UUID, IN(destroy_ask, approved_by), REQUIRED, 0, 0},
    {0},
};
const struct shape destroy_shape = {"KeysToDestroy", sizeof(struct destroy_ask), destroy_fields};

static const struct field destroy_shard_fields[] = {
    {"org", UUID, IN(destroy_shard_ask, org), REQUIRED, 0, 0},
    {"shard", UUID, IN(destroy_shard_ask, shard), REQUIRED, 0, 0},
    {0},
};
const struct shape destroy_shard_shape = {
    "ShardToDestroy", sizeof(struct destroy_shard_ask), destroy_shard_fields,
};

static const struct field key_fields[] = {
    {"dek_id", UUID, IN(key_answer, dek_id), REQUIRED, 0, 0},
    {"key", BYTES, IN(key_answer, key), REQUIRED | PHI, AEAD_KEY_BYTES, AEAD_KEY_BYTES},
    {0},
};
const struct shape key_shape = {"Key", sizeof(struct key_answer), key_fields};

static const struct field destroyed_fields[] = {
    {"destroyed", INT, IN(destroy_answer, destroyed), REQUIRED, 0, INT64_MAX},
    {"certificate", TEXT, IN(destroy_answer, certificate), 0, 1, 8192},
    {"public_key", TEXT, IN(destroy_answer, public_key), 0, 1, 64},
    {0},
};
const struct shape destroyed_shape = {
    "KeysDestroyed", sizeof(struct destroy_answer), destroyed_fields,
};

struct nothing {
    char none;
};
static const struct field empty_fields[] = {{0}};
const struct shape empty_shape = {"Nothing", sizeof(struct nothing), empty_fields};

static const struct field kek_fields[] = {
    {"version", INT, IN(kek_shown, version), REQUIRED, 1, INT32_MAX},
    {"state", TEXT, IN(kek_shown, state), REQUIRED, 1, 16},
    {"made_at", TIME, IN(kek_shown, made_at_us), 0},
    {"keys", INT, IN(kek_shown, keys), REQUIRED, 0, INT64_MAX},
    {"destroyed", INT, IN(kek_shown, destroyed), REQUIRED, 0, INT64_MAX},
    {0},
};
static const struct shape kek_shape = {"Kek", sizeof(struct kek_shown), kek_fields};

static const struct field status_fields[] = {
    {"provider", TEXT, IN(keys_status, provider), REQUIRED, 1, 16},
    {"healthy", BOOL, IN(keys_status, healthy), REQUIRED},
    {"keks", LIST, IN(keys_status, keks), REQUIRED, 0, 64, &kek_shape},
    {0},
};
const struct shape status_shape = {"KeysStatus", sizeof(struct keys_status), status_fields};

static const struct field renew_fields[] = {
    {"org", UUID, IN(renew_ask, org), REQUIRED, 0, 0},
    {"patient", UUID, IN(renew_ask, patient), 0, 0, 0},
    {"domain", TEXT, IN(renew_ask, domain), 0, 1, 32},
    {0},
};
const struct shape renew_shape = {"KeysToRenew", sizeof(struct renew_ask), renew_fields};

static const struct field renew_answer_fields[] = {
    {"renewed", INT, IN(renew_answer, renewed), REQUIRED, 0, INT64_MAX},
    {0},
};
const struct shape renew_answer_shape = {
    "KeysRenewed", sizeof(struct renew_answer), renew_answer_fields,
};

static const struct field renewed_key_fields[] = {
    {"org", UUID, IN(dek_renewed, org), REQUIRED, 0, 0},
    {"patient", UUID, IN(dek_renewed, patient), 0, 0, 0},
    {"domain", TEXT, IN(dek_renewed, domain), REQUIRED, 1, 32},
    {"dek_id", UUID, IN(dek_renewed, dek_id), REQUIRED, 0, 0},
    {0},
};
static const struct shape renewed_key_shape = {
    "RenewedKey", sizeof(struct dek_renewed), renewed_key_fields,
};
static const struct field renewed_fields[] = {
    {"keys", LIST, IN(renewed_answer, keys), REQUIRED, 0, 16, &renewed_key_shape},
    {0},
};
const struct shape renewed_shape = {"RenewedKeys", sizeof(struct renewed_answer), renewed_fields};

static const struct field clean_fields[] = {
    {"clean", BOOL, IN(clean_answer, clean), REQUIRED},
    {0},
};
const struct shape clean_shape = {"KeyClean", sizeof(struct clean_answer), clean_fields};
