/*
 * note - signed texts: c2sp.org/signed-note, with Ed25519 (signature type 0x01), and to be checked,
 * not made, the cosignatures of witnesses (0x04, c2sp.org/tlog-cosignature).
 *
 *   text, ending in a newline
 *   <empty line>
 *   — <key name> <base64 of key id (4 bytes) || signature>       one line a signature
 *
 * A verifying key is written as one word, name+hash+base64(type || public key), as Go's
 * golang.org/x/mod/sumdb/note has it.
 *
 * Stricter than the specification in one thing: key names are printable ASCII.
 *
 * Ownership  a note_key borrows its name from what it was made of; @key is the caller's to free.
 * Threads    any.
 * Errors     note_open() refuses with ERR_CORRUPT, unlogged.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/crypto/sign.h"

#define NOTE_BYTES_MAX (64 * 1024)
#define NOTE_NAME_MAX 255
#define NOTE_ED25519 0x01
#define NOTE_COSIGNATURE 0x04
#define NOTE_DASH "\xe2\x80\x94 " /* how a signature line begins */
#define NOTE_ID_BYTES 4
#define NOTE_KEY_BYTES (1 + SIGN_ED25519_PUBLIC_BYTES) /* the type before the key */

struct note_key {
    struct str name;
    uint32_t id;
    struct sign_key *key;
    uint8_t type;
};

struct note {
    struct str text;         /* borrowed from the note */
    size_t verified, unknown; /* signature lines: by our keys, by others' (not to be relied on) */
};

/* @name: 1 to NOTE_NAME_MAX printable characters, neither space nor plus; else it aborts. */
struct note_key note_key(struct str name, struct sign_key *key);
void note_key_encode(const struct note_key *key, uint8_t ret[NOTE_KEY_BYTES]);
struct str note_vkey(struct arena *arena, const struct note_key *key);
/* False if @vkey is malformed or its hash does not fit; else ret->key is a fresh key. */
bool note_key_parse(struct str vkey, struct note_key *ret);

/* @text ends in a newline; @key is no witness's. */
struct str note_sign(struct arena *arena, struct str text, const struct note_key *key);
/* At least one of @keys has signed it, and no signature by them is wrong. */
err_t note_open(struct str note, const struct note_key *keys, size_t count, struct note *ret);
