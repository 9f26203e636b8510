/*
 * auth - from a token to an actor, and what the actor's role reaches.
 *
 * The token says who (iss, sub, acr, auth_time). Person, role and organisation come from the
 * table `member`, fed by access; the headers Telecura-Org and Telecura-Role choose where a person
 * has several. Nobody acts in two at a time.
 * A machine's token (`machine`) is for who is enrolled as a client, and no other token is: what a
 * person may, no program does by its own sign-in, and none has a second factor.
 * Resolved actors are cached for 30 s by the token's hash; every hit asks the revocation set.
 *
 * Threads  any.
 * Errors   ERR_UNAUTHENTICATED, ERR_TOKEN_EXPIRED, ERR_FORBIDDEN, ERR_STEP_UP are refusals; the
 *          database's faults come through. Keys that can't be read verify nothing.
 */
#pragma once

#include "common/app/policy.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/crypto/jws.h"
#include "common/io/db.h"

struct actor {
    enum role role;
    struct uuid person, org;
    struct uuid patient;    /* role patient: the record that is theirs; else nil */
    const char *service;    /* ROLE_SERVICE: its certificate's CN */
    const char *issuer, *subject; /* BIND_SELF: who the token names, member or not; else NULL */
    struct uuid token, sign_in; /* by which they act: auth_trace(); nil: it was not said */
    struct scopes scopes;
    bool machine; /* the token is a program's own: nobody has signed in */
    int acr;
    int64_t auth_time_us, token_ends_us;
};

struct sign_in { /* as it came; absent ones are STR_NONE */
    struct str token; /* bearer */
    struct str org;   /* Telecura-Org */
    struct str role;  /* Telecura-Role */
    struct str emergency; /* Telecura-Emergency: see grant.h */
};

struct auth;

struct auth_config {
    const char *idp_keys; /* JWKS file; read again when it changes */
    const char *issuer, *audience;
};

struct auth *auth_new(const struct auth_config *config);
struct auth *auth_free(struct auth *auth);

/* Under which name a token (its `jti`) or a sign-in (its `sid`) stands on record: no more than a
 * hash of the identity provider's random id. */
struct uuid auth_trace(const char *what, const char *issuer, const char *id);
#define TRACE_TOKEN "token"
#define TRACE_SIGN_IN "sign-in"

/* The token alone: claims of somebody who may not be a member of anything yet. */
err_t auth_claims(struct auth *auth, struct str token, struct jws_claims *ret_claims);
/* Sign-in -> actor. Who is nobody, or several and does not say which, is ERR_FORBIDDEN: then
 * @ret_actor is one of their memberships, if there is one, for the record. */
err_t auth_actor(struct auth *auth, struct db *db, struct arena *arena,
                 const struct sign_in *sign_in, struct actor *ret_actor);
/* A membership changed somewhere: forget every cached actor. */
void auth_forget(void);
/* Role and factor; ERR_FORBIDDEN, ERR_STEP_UP. @now_us: of the clock that signs people in. */
err_t auth_may(const struct actor *actor, enum permission permission, int64_t now_us);

/* ---- the revocation feed, in memory (WATCH) ---- */

struct event;
void revoked_hear(const struct event *event);
bool revoked_person(struct uuid person);
/* A membership of theirs changed or ended after @since_us: what is older has ended, though they may
 * come back as who they are now. */
bool revoked_person_since(struct uuid person, int64_t since_us);
bool revoked_grant(struct uuid grant);
bool revoked_visit(struct uuid visit);
/* When one of this scope was taken back last; 0: never. */
int64_t revoked_consent_us(struct uuid patient, enum consent consent);
/* That was its own end, and not the patient's doing. */
bool revoked_consent_expired(struct uuid patient, enum consent consent);
