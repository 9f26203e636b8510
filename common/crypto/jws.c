#include "common/crypto/jws.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/codec/json.h"
#include "common/crypto/sign.h"

#include <stdlib.h>

#define KEYS_MAX 64
#define KID_MAX 64
#define SKEW_S 60
#define JWKS_BYTES_MAX (256 * 1024)
#define TIME_S_MAX 253402300799 /* the end of year 9999 */

struct jws_key {
    char kid[KID_MAX + 1];
    struct sign_key *key;
};

struct jws_keys {
    size_t n;
    struct jws_key at[KEYS_MAX];
};

/* What other programs write is read with these shapes; names that are not here are skipped. */
struct jwk {
    struct str kty, crv, use, alg, kid, x, y;
};

struct jwks {
    struct list keys;
};

struct header {
    struct str alg, kid, typ, forbidden;
};

struct claims {
    struct str iss, sub, sid, jti, typ;
    int64_t exp_s, nbf_s, iat_s, auth_time_s;
    struct str scope;
    bool signed_in_at_issue, machine;
};

struct one_text {
    struct str text;
};

struct one_number {
    int64_t number;
};

struct some_texts {
    struct strs texts;
};

#define AT(type, member) offsetof(struct type, member)
#define TEXT_MAX(member) (sizeof(((struct jws_claims *)0)->member) - 1)
#define SHAPE(type, rows) {#type, sizeof(struct type), rows}

/* No word is allowed, so the member's mere presence is refused, whatever its type. */
static const char *const no_word[] = {NULL};
static const char *const algs[] = {"ES256", NULL};
static const char *const header_types[] = {"JWT", "at+jwt", NULL};
static const char *const claim_types[] = {"Bearer", NULL}; /* Keycloak's; not "ID", "Refresh" */

/* clang-format off */
static const struct field jwk_fields[] = {
    {"kty", TEXT, AT(jwk, kty), REQUIRED, .max = 1024},
    {"crv", TEXT, AT(jwk, crv), 0, .max = 1024},
    {"use", TEXT, AT(jwk, use), 0, .max = 1024},
    {"alg", TEXT, AT(jwk, alg), 0, .max = 1024},
    {"kid", TEXT, AT(jwk, kid), 0, .max = 1024},
    {"x",   TEXT, AT(jwk, x),   0, .max = 1024},
    {"y",   TEXT, AT(jwk, y),   0, .max = 1024},
    {0},
};
static const struct shape jwk_shape = SHAPE(jwk, jwk_fields);
static const struct field jwks_fields[] = {
    {"keys", LIST, AT(jwks, keys), REQUIRED, .max = KEYS_MAX, .shape = &jwk_shape},
    {0},
};
static const struct shape jwks_shape = SHAPE(jwks, jwks_fields);

static const struct field header_fields[] = {
    {"alg",  TEXT, AT(header, alg), REQUIRED, .min = 1, .max = 16, .words = algs},
    {"kid",  TEXT, AT(header, kid), REQUIRED, .min = 1, .max = KID_MAX},
    {"typ",  TEXT, AT(header, typ), REQUIRED, .min = 1, .max = 16, .words = header_types},
    {"crit", TEXT, AT(header, forbidden), 0, .max = JWS_BYTES_MAX, .words = no_word},
    {"jwk",  TEXT, AT(header, forbidden), 0, .max = JWS_BYTES_MAX, .words = no_word},
    {"jku",  TEXT, AT(header, forbidden), 0, .max = JWS_BYTES_MAX, .words = no_word},
    {"x5u",  TEXT, AT(header, forbidden), 0, .max = JWS_BYTES_MAX, .words = no_word},
    {"x5c",  TEXT, AT(header, forbidden), 0, .max = JWS_BYTES_MAX, .words = no_word},
    {"zip",  TEXT, AT(header, forbidden), 0, .max = JWS_BYTES_MAX, .words = no_word},
    {"b64",  TEXT, AT(header, forbidden), 0, .max = JWS_BYTES_MAX, .words = no_word},
    {0},
};
static const struct shape header_shape = SHAPE(header, header_fields);

static const struct field claims_fields[] = {
    {"iss", TEXT, AT(claims, iss), REQUIRED, .min = 1, .max = TEXT_MAX(iss)},
    {"sub", TEXT, AT(claims, sub), REQUIRED, .min = 1, .max = TEXT_MAX(sub)},
    {"sid", TEXT, AT(claims, sid), 0, .max = TEXT_MAX(sid)},
    {"jti", TEXT, AT(claims, jti), 0, .max = TEXT_MAX(jti)},
    {"typ", TEXT, AT(claims, typ), 0, .max = 16, .words = claim_types},
    {"exp", INT, AT(claims, exp_s), REQUIRED, .min = 1, .max = TIME_S_MAX},
    {"iat", INT, AT(claims, iat_s), REQUIRED, .min = 1, .max = TIME_S_MAX},
    {"nbf", INT, AT(claims, nbf_s), 0, .max = TIME_S_MAX},
    {"auth_time", INT, AT(claims, auth_time_s), 0, .max = TIME_S_MAX},
    {"scope", TEXT, AT(claims, scope), 0, .max = TEXT_MAX(scope)},
    {"machine", BOOL, AT(claims, machine), 0},
    {"signed_in_at_issue", BOOL, AT(claims, signed_in_at_issue), 0},
    {0},
};
static const struct shape claims_shape = SHAPE(claims, claims_fields);

/* Claims that come in two types are read a second time, by a shape for each type. */
static const struct field aud_text_fields[] = {
    {"aud", TEXT, AT(one_text, text), REQUIRED, .min = 1, .max = 1024},
    {0},
};
static const struct shape aud_text_shape = SHAPE(one_text, aud_text_fields);
static const struct field aud_texts_fields[] = {
    {"aud", TEXTS, AT(some_texts, texts), REQUIRED, .min = 1, .max = 32},
    {0},
};
static const struct shape aud_texts_shape = SHAPE(some_texts, aud_texts_fields);
static const struct field acr_text_fields[] = {
    {"acr", TEXT, AT(one_text, text), REQUIRED, .min = 1, .max = 1024},
    {0},
};
static const struct shape acr_text_shape = SHAPE(one_text, acr_text_fields);
static const struct field acr_number_fields[] = {
    {"acr", INT, AT(one_number, number), REQUIRED, .max = 9},
    {0},
};
static const struct shape acr_number_shape = SHAPE(one_number, acr_number_fields);
/* clang-format on */

static bool read_json(const struct shape *shape, struct bytes text, struct arena *arena, void *ret)
{
    struct json_fault fault;

    return json_decode_lenient(shape, text, arena, ret, &fault) == ERR_OK;
}

static bool kid_is_sound(struct str kid)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz"
                                  "0123456789_-";

    if (kid.n == 0 || kid.n > KID_MAX) return false;
    for (size_t i = 0; i < kid.n; i++) {
        if (!memchr(allowed, kid.p[i], sizeof(allowed) - 1)) return false;
    }
    return true;
}

static struct sign_key *find(const struct jws_keys *keys, struct str kid)
{
    for (size_t i = 0; i < keys->n; i++) {
        if (str_is(kid, keys->at[i].kid)) return keys->at[i].key;
    }
    return NULL;
}

static bool is_absent_or(struct str text, const char *word)
{
    return !text.p || str_is(text, word);
}

static bool is_ours(const struct jwk *jwk)
{
    return str_is(jwk->kty, "EC") && str_is(jwk->crv, "P-256") && is_absent_or(jwk->use, "sig") &&
           is_absent_or(jwk->alg, "ES256") && kid_is_sound(jwk->kid);
}

static bool coordinate(struct str text, uint8_t to[32])
{
    size_t n = 0;

    return text.n == BASE64URL_LEN(32) && base64url_decode(text, to, &n) && n == 32;
}

/* False if a key that should be ours is broken or its id is taken: then no key of the set can be
 * told from a forgery of the document. */
static bool add(struct jws_keys *keys, const struct jwk *jwk)
{
    uint8_t x[33], y[33];

    if (find(keys, jwk->kid)) return false;
    if (!coordinate(jwk->x, x) || !coordinate(jwk->y, y)) return false;
    struct jws_key *added = &keys->at[keys->n];
    added->key = sign_key_new_es256(x, y);
    if (!added->key) return false;
    memcpy(added->kid, jwk->kid.p, jwk->kid.n);
    keys->n++;
    return true;
}

struct jws_keys *jws_keys_new(struct bytes text)
{
    struct jwks jwks = {0};

    if (text.n > JWKS_BYTES_MAX) return NULL;
    struct arena *arena = arena_new(4 * JWKS_BYTES_MAX);
    bool sound = read_json(&jwks_shape, text, arena, &jwks);
    struct jws_keys *keys = calloc(1, sizeof(*keys));
    if (!keys) abort();
    for (size_t i = 0; sound && i < jwks.keys.n; i++) {
        const struct jwk *jwk = (const struct jwk *)jwks.keys.p + i;
        if (is_ours(jwk)) sound = add(keys, jwk);
    }
    arena_free(arena);
    return sound ? keys : jws_keys_free(keys);
}

struct jws_keys *jws_keys_free(struct jws_keys *keys)
{
    for (size_t i = 0; keys && i < keys->n; i++) {
        sign_key_free(keys->at[i].key);
    }
    free(keys);
    return NULL;
}

size_t jws_keys_count(const struct jws_keys *keys)
{
    return keys->n;
}

/* Cuts the text before the first dot off @rest, and decodes it. */
static bool take_part(struct str *rest, struct arena *arena, struct bytes *ret)
{
    struct str part;
    size_t n = 0;

    if (!str_next(rest, '.', &part) || part.n == 0) return false;
    uint8_t *to = arena_alloc(arena, part.n);
    if (!base64url_decode(part, to, &n)) return false;
    *ret = bytes_of(to, n);
    return true;
}

/* @ret_payload is what the token says once one of @keys has signed it. */
static bool take_signed(const struct jws_keys *keys, struct str token, struct arena *arena,
                        struct bytes *ret_payload)
{
    struct bytes head, payload, signature;
    struct header header = {0};
    struct str rest = token;

    if (token.n == 0 || token.n > JWS_BYTES_MAX || token.p[token.n - 1] == '.') return false;
    if (!take_part(&rest, arena, &head) || !take_part(&rest, arena, &payload)) return false;
    if (rest.n == 0) return false;
    const struct str text = {token.p, token.n - rest.n - 1};
    if (!take_part(&rest, arena, &signature) || rest.n) return false;

    if (!read_json(&header_shape, head, arena, &header) || !kid_is_sound(header.kid)) return false;
    const struct sign_key *key = find(keys, header.kid);
    /* every key here is an ES256 key, and the shape has let no other alg pass */
    if (!key || !sign_verify(key, str_bytes(text), signature)) return false;
    *ret_payload = payload;
    return true;
}

static bool names_audience(struct bytes payload, const char *aud, struct arena *arena)
{
    struct one_text one = {0};
    struct some_texts some = {0};

    if (read_json(&aud_text_shape, payload, arena, &one)) return str_is(one.text, aud);
    if (!read_json(&aud_texts_shape, payload, arena, &some)) return false;
    for (size_t i = 0; i < some.texts.n; i++) {
        if (str_is(some.texts.p[i], aud)) return true;
    }
    return false;
}

static int read_acr(struct bytes payload, struct arena *arena)
{
    struct one_text text = {0};
    struct one_number number = {0};

    if (read_json(&acr_text_shape, payload, arena, &text)) {
        return str_int(text.text, 0, 9, &number.number) ? (int)number.number : 0;
    }
    return read_json(&acr_number_shape, payload, arena, &number) ? (int)number.number : 0;
}

/* Into one of the claims' arrays; the shape has seen to the length. False if a NUL would cut it. */
static bool copy(struct str text, char *to)
{
    if (text.n) memcpy(to, text.p, text.n);
    to[text.n] = '\0';
    return strlen(to) == text.n;
}

static err_t check(struct bytes payload, const struct jws_expect *expect, struct arena *arena,
                   struct jws_claims *ret)
{
    struct claims claims = {0};
    const int64_t now_s = expect->now_us / SECOND_US;

    if (!read_json(&claims_shape, payload, arena, &claims)) return ERR_UNAUTHENTICATED;
    if (!str_is(claims.iss, expect->iss)) return ERR_UNAUTHENTICATED;
    if (!names_audience(payload, expect->aud, arena)) return ERR_UNAUTHENTICATED;
    if (!copy(claims.iss, ret->iss) || !copy(claims.sub, ret->sub) ||
        !copy(claims.sid, ret->sid) || !copy(claims.jti, ret->jti) ||
        !copy(claims.scope, ret->scope)) {
        return ERR_UNAUTHENTICATED;
    }
    const int64_t from_future[] = {claims.nbf_s, claims.iat_s, claims.auth_time_s};
    for (size_t i = 0; i < sizeof(from_future) / sizeof(from_future[0]); i++) {
        if (from_future[i] > now_s + SKEW_S) return ERR_UNAUTHENTICATED;
    }
    if (claims.exp_s + SKEW_S <= now_s) return ERR_TOKEN_EXPIRED;

    ret->machine = claims.machine;
    ret->acr = read_acr(payload, arena);
    ret->auth_time_s = claims.signed_in_at_issue ? claims.iat_s : claims.auth_time_s;
    ret->iat_s = claims.iat_s;
    ret->exp_s = claims.exp_s;
    return ERR_OK;
}

err_t jws_verify(const struct jws_keys *keys, struct str token, const struct jws_expect *expect,
                 struct jws_claims *ret_claims)
{
    struct arena *arena = arena_new(16 * JWS_BYTES_MAX);
    struct jws_claims claims = {0};
    struct bytes payload;
    err_t err = ERR_UNAUTHENTICATED;

    if (take_signed(keys, token, arena, &payload)) err = check(payload, expect, arena, &claims);
    if (err == ERR_OK) *ret_claims = claims;
    arena_free(arena);
    return err;
}
