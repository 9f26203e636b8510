#include "common/crypto/paseto.h"

#include <assert.h>

#define HEADER "v4.public."

/* A v4.public token taken apart. */
struct parts {
    struct bytes payload, signature;
    struct str footer;
};

static uint8_t *put(uint8_t *at, const void *from, size_t n)
{
    if (n) memcpy(at, from, n);
    return at + n;
}

static uint8_t *put_le64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        *at++ = (uint8_t)(value >> 8 * i);
    }
    return at;
}

/* Pre-authentication encoding: how many pieces, then each with its length in front, so that no two
 * different lists of pieces are the same bytes. */
static struct bytes encode_pieces(struct arena *arena, const struct bytes *pieces, size_t count)
{
    size_t n = 8;

    for (size_t i = 0; i < count; i++) {
        n += 8 + pieces[i].n;
    }
    uint8_t *encoded = arena_alloc(arena, n);
    uint8_t *at = put_le64(encoded, count);
    for (size_t i = 0; i < count; i++) {
        at = put_le64(at, pieces[i].n);
        at = put(at, pieces[i].p, pieces[i].n);
    }
    return bytes_of(encoded, n);
}

static struct bytes signed_text(struct arena *arena, struct bytes payload, struct str footer,
                                struct str purpose)
{
    const struct bytes pieces[] = {
        str_bytes(STR(HEADER)),
        payload,
        str_bytes(footer),
        str_bytes(purpose),
    };

    return encode_pieces(arena, pieces, sizeof(pieces) / sizeof(pieces[0]));
}

struct str paseto_sign(struct arena *arena, const struct sign_key *key, struct bytes payload,
                       struct str footer, struct str purpose)
{
    const size_t body_n = payload.n + SIGN_BYTES;
    const size_t header_n = sizeof(HEADER) - 1;
    const size_t max = header_n + BASE64URL_LEN(body_n) + 1 + BASE64URL_LEN(footer.n);

    assert(max <= PASETO_BYTES_MAX);
    uint8_t *body = arena_alloc(arena, body_n);
    sign_make(key, signed_text(arena, payload, footer, purpose), put(body, payload.p, payload.n));

    char *token = arena_alloc(arena, max);
    memcpy(token, HEADER, header_n);
    size_t n = header_n + base64url_encode(bytes_of(body, body_n), token + header_n);
    if (footer.n) {
        token[n++] = '.';
        n += base64url_encode(str_bytes(footer), token + n);
    }
    return (struct str){token, n};
}

static bool decode(struct str text, struct arena *arena, struct bytes *ret)
{
    uint8_t *to = arena_try(arena, text.n + 1); /* more than it needs, and never nothing */
    size_t n = 0;

    if (!to || text.n == 0 || !base64url_decode(text, to, &n)) return false;
    *ret = bytes_of(to, n);
    return true;
}

static bool take_apart(struct str token, struct arena *arena, struct parts *ret)
{
    const size_t header_n = sizeof(HEADER) - 1;
    struct bytes body, footer = bytes_of("", 0);

    if (token.n > PASETO_BYTES_MAX || !str_starts(token, HEADER)) return false;
    struct str rest = {token.p + header_n, token.n - header_n}, text = rest;
    const bool has_footer = str_cut(&rest, '.', &text);
    if (!decode(text, arena, &body) || body.n < SIGN_BYTES) return false;
    if (has_footer && !decode(rest, arena, &footer)) return false;

    ret->payload = bytes_of(body.p, body.n - SIGN_BYTES);
    ret->signature = bytes_of(body.p + ret->payload.n, SIGN_BYTES);
    ret->footer = (struct str){(const char *)footer.p, footer.n};
    return true;
}

err_t paseto_footer(struct str token, struct arena *arena, struct str *ret_footer)
{
    struct parts parts;

    if (!take_apart(token, arena, &parts)) return ERR_UNAUTHENTICATED;
    *ret_footer = parts.footer;
    return ERR_OK;
}

err_t paseto_verify(struct str token, const struct sign_key *key, struct str purpose,
                    struct arena *arena, struct bytes *ret_payload)
{
    struct parts parts;

    assert(sign_key_alg(key) == SIGN_ED25519);
    if (!take_apart(token, arena, &parts)) return ERR_UNAUTHENTICATED;
    const struct bytes text = signed_text(arena, parts.payload, parts.footer, purpose);
    if (!sign_verify(key, text, parts.signature)) return ERR_UNAUTHENTICATED;
    *ret_payload = parts.payload;
    return ERR_OK;
}
