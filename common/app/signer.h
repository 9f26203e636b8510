/*
 * signer - a service's Ed25519 key and the tokens that others believe because of it.
 *
 * The key stands in a file of one line, which nobody else may read; its public half in a file of
 * one line or more, which others may (the newest first, so that keys can change):
 *
 *     telecura-ed25519-1 SEED
 *     KID PUBLIC
 *
 * all base64url; KID is the first 8 bytes of SHA-256(PUBLIC). A token is a PASETO v4.public with
 * the KID as its footer. Public files are read again when they change.
 *
 * Threads  any.
 * Errors   signer_new() raises what is wrong with the files and returns NULL.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

struct signer;

/* Reads or, if absent, makes the key file (0600), and writes the public half to @public_file. */
struct signer *signer_new(const char *key_file, const char *public_file);
struct signer *signer_free(struct signer *signer);
/* For what is no token: a bare Ed25519 signature (SIGN_BYTES), and the id of its public line. */
void signer_sign(const struct signer *signer, struct bytes message, uint8_t *ret_signature);
struct str signer_id(const struct signer *signer);

struct str signer_token(struct arena *arena, const struct signer *signer, struct str json,
                        struct str purpose);
/* False unless a key of @public_file, another service's, signed the token for @purpose. */
bool signer_verify(struct arena *arena, const char *public_file, struct str token,
                   struct str purpose, struct bytes *ret_json);
