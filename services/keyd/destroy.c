/*
 * Erasure: every key of a patient is destroyed, and a certificate says so. It is a PASETO v4.public
 * of purpose "destruction", signed by the organisation's own key of domain "certificate", which
 * rests wrapped as all others and which no service may have.
 *
 * Asked twice (whoever asked may have died before it heard), it destroys nothing more and answers
 * the same certificate: it says what the rows say.
 */
#include "common/base/secret.h"
#include "common/crypto/hash.h"
#include "common/crypto/paseto.h"
#include "services/keyd/keyd.h"
#include "services/keyd/sql.h"

#define KID_BYTES 8

struct certificate {
    struct uuid erasure, org, patient, asked_by, approved_by;
    int64_t destroyed_at_us;
    struct list keys; /* struct dek_gone */
};

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const struct field gone_fields[] = {
    {"dek_id", UUID, IN(dek_gone, id), REQUIRED},
    {"domain", TEXT, IN(dek_gone, domain), REQUIRED, 1, 32},
    {"made_at", TIME, IN(dek_gone, created_at_us), REQUIRED},
    {"kek", INT, IN(dek_gone, kek), REQUIRED, 1, INT32_MAX},
    {0},
};
static const struct shape gone_shape = {"KeyGone", sizeof(struct dek_gone), gone_fields};

static const struct field certificate_fields[] = {
    {"erasure", UUID, IN(certificate, erasure), REQUIRED},
    {"org", UUID, IN(certificate, org), REQUIRED},
    {"patient", UUID, IN(certificate, patient), REQUIRED},
    {"asked_by", UUID, IN(certificate, asked_by), REQUIRED},
    {"approved_by", UUID, IN(certificate, approved_by), REQUIRED},
    {"destroyed_at", TIME, IN(certificate, destroyed_at_us), REQUIRED},
    {"keys", LIST, IN(certificate, keys), REQUIRED, 0, 64, &gone_shape},
    {0},
};
static const struct shape certificate_shape = {
    "Certificate", sizeof(struct certificate), certificate_fields,
};
/* clang-format on */

static struct str text_of(struct arena *arena, struct bytes from)
{
    char *text = arena_alloc(arena, BASE64URL_LEN(from.n));

    return (struct str){text, base64url_encode(from, text)};
}

/* Signed by the organisation's key; `KID PUBLIC` is its line in a file of public keys. */
static err_t certificate_sign(struct act *act, const struct certificate *certificate,
                              struct destroy_answer *ret)
{
    const struct str domain = STR("certificate");
    uint8_t seed[SIGN_ED25519_SEED_BYTES], public[SIGN_ED25519_PUBLIC_BYTES];
    struct dek_row dek;

    TRY(key_current(act, UUID_NIL, domain, &dek));
    const struct dek_name name = {act->org, UUID_NIL, dek.id, domain};
    TRY(kek->unwrap(dek.kek, &name, dek.wrapped, seed));
    struct sign_key *key = sign_key_new_seed(seed);
    secret_wipe(seed, sizeof seed);
    sign_key_public(key, public);
    const struct hash id = hash_sha256(bytes_of(public, sizeof public));
    const struct str kid = text_of(act->arena, bytes_of(id.b, KID_BYTES));
    const struct str json = json_encode(act->arena, &certificate_shape, certificate);
    ret->certificate = paseto_sign(act->arena, key, str_bytes(json), kid, STR("destruction"));
    ret->public_key =
        arena_printf(act->arena, STR_FMT " " STR_FMT, STR_ARG(kid),
                     STR_ARG(text_of(act->arena, bytes_of(public, sizeof public))));
    sign_key_free(key);
    return ERR_OK;
}

/* POST /v1/keys/destroy: at the word of access, which two people have given it. */
err_t key_destroy(struct act *act)
{
    const struct destroy_ask *in = act->in;
    struct kek_version current;
    struct dek_count count;
    struct dek_gone_rows gone;

    TRY(key_about(act, in->org, in->patient));
    TRY(keys_manager(act));
    if (uuid_is_nil(in->patient)) return act_at(act, "/patient", ERR_UNPROCESSABLE);
    if (uuid_equal(in->asked_by, in->approved_by))
        return act_at(act, "/approved_by", ERR_UNPROCESSABLE);
    act_resource(act, in->erasure, 1);
    dek_lock(act, &(struct dek_lock){in->patient});
    TRY(kek_current(act, &current));
    TRY(dek_destroy(act, &(struct dek_destroy){in->patient}, &count));
    dek_rests_forget(act, &(struct dek_rests_forget){in->patient});
    /* Who never had a key gets none either. */
    dek_bar(act, &(struct dek_bar){in->patient, uuid_v4(), current.version});
    TRY(deks_gone(act, &(struct deks_gone){in->patient}, &gone));
    const struct certificate certificate = {
        in->erasure, in->org, in->patient, in->asked_by, in->approved_by,
        .destroyed_at_us = gone.p[gone.n - 1].changed_at_us,
        .keys = {gone.p, gone.n},
    };
    struct destroy_answer answer = {.destroyed = count.n};
    TRY(certificate_sign(act, &certificate, &answer));
    return act_reply(act, 200, &destroyed_shape, &answer);
}
