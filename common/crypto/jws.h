/*
 * jws - verifies the identity provider's access tokens: compact JWS, ES256, nothing else.
 *
 * No Debian library does this safely (libjwt 1.10.2 takes an HS256 token forged with the public
 * key). The key carries the algorithm; the token's `alg` must equal it. The rules, each a negative
 * test: <= 8 KiB, three parts, strict base64url; no name that is read here twice; no crit, jwk,
 * jku, x5u, x5c, zip, b64; kid is [A-Za-z0-9_-]{1,64} and only looks up a key; typ JWT or at+jwt;
 * iss and aud exact (aud a string or an array that holds it); exp, nbf, iat and auth_time with 60 s
 * of skew; a claim typ (Keycloak's) is Bearer, so that no ID or refresh token passes.
 *
 * Keycloak knows no auth_time in a direct grant. A client whose tokens come only of a sign-in of
 * that very moment (no refresh, no single sign-on) may be given the claim signed_in_at_issue: true
 * by the realm; then iat is the time of the sign-in. It is the identity provider's word, as acr is.
 *
 * A client that is a program (private_key_jwt, no person behind it) is given the claim machine:
 * true by the realm, in the same way.
 *
 * A token says who, and by which sign-in (iss, sub, sid, jti, acr, auth_time), never what they may
 * do; its `scope` can only take away (policy.h).
 *
 * Ownership  claims are copies inside the struct; the key set is the caller's.
 * Threads    a key set is const once loaded.
 * Errors     ERR_UNAUTHENTICATED, ERR_TOKEN_EXPIRED.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/str.h"

#define JWS_BYTES_MAX 8192

struct jws_keys;

struct jws_claims {
    char iss[256], sub[128];
    char sid[128], jti[128];           /* the IdP's session and the token's own id; "" if none */
    char scope[1024];                  /* words with a space between them */
    bool machine;                      /* a program's own token */
    int acr;                           /* 0 when absent or not a small number */
    int64_t auth_time_s, iat_s, exp_s; /* UNIX seconds */
};

struct jws_expect {
    const char *iss, *aud;
    int64_t now_us; /* real time, not the test clock */
};

/* A JWKS document (RFC 7517); keys of other types or uses, and those without a sound kid, are
 * skipped. NULL when it is not one, or if a key that should serve is broken or shares its kid. */
struct jws_keys *jws_keys_new(struct bytes jwks);
struct jws_keys *jws_keys_free(struct jws_keys *keys);
size_t jws_keys_count(const struct jws_keys *keys);

err_t jws_verify(const struct jws_keys *keys, struct str token, const struct jws_expect *expect,
                 struct jws_claims *ret_claims);
