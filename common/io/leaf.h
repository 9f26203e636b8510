/*
 * leaf - one entry of the audit log, as bytes that are hashed and never change.
 *
 * The relay of the service that did something makes it, the service audit checks and appends it.
 * What the entry says is sealed inside, so the tree hashes ciphertext: destroying the key removes
 * the content while every proof stays valid. The commitment ties the leaf to one key, because GCM
 * alone would let an insider build a leaf that opens two ways.
 *
 * The bytes are described in docs/reference/audit-log.md; numbers there are for ever.
 *
 * Ownership  encoded bytes live in the arena; a decoded leaf borrows from its bytes.
 * Threads    any.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"
#include "common/crypto/aead.h"
#include "common/crypto/hash.h"

#define LEAF_BYTES_MAX 65535 /* an entry of tlog-tiles has a 16 bit length */

enum leaf_class { LEAF_EVENT = 1, LEAF_HEARTBEAT = 2 };

struct leaf {
    struct str log;          /* which log: the organisation's id, canonical */
    struct str producer;     /* service */
    uint64_t seq;            /* gapless within (log, producer) */
    int64_t time_ms;
    enum leaf_class class;
    struct uuid dek_id;      /* nil in a heartbeat, as are the rest */
    struct hash commitment;
    struct bytes sealed;     /* nonce || ciphertext || tag of a packed AuditPhi */
    struct bytes aad;        /* set by leaf_decode(): all that stands before the sealed part */
};

/* Seals @body under @key; @leaf's commitment and sealed are set here. A heartbeat has neither key
 * nor body: pass NULL and BYTES_NONE. ERR_TOO_LARGE past LEAF_BYTES_MAX. */
err_t leaf_encode(struct arena *arena, const struct leaf *leaf, const uint8_t key[AEAD_KEY_BYTES],
                  struct bytes body, struct bytes *ret_leaf);
/* ERR_CORRUPT when the bytes are no leaf, or more than one. */
err_t leaf_decode(struct bytes from, struct leaf *ret_leaf);
/* The packed AuditPhi. ERR_CORRUPT when the key is not the committed one or a byte was changed. */
err_t leaf_open(struct arena *arena, const struct leaf *leaf, const uint8_t key[AEAD_KEY_BYTES],
                struct bytes *ret_body);

/* The chain of a producer within a log; the first link follows 32 zero bytes. */
struct hash leaf_mac(const uint8_t key[AEAD_KEY_BYTES], const struct hash *prev, struct bytes leaf);
/* What Kafka's key of audit records is, and the "patient" of the producer's mac key. */
struct uuid leaf_producer_id(struct str producer);
#define LEAF_SHARD_MAX 8 /* "2026h2", NUL */
/* The half year of @at_us, in UTC: the shard that a leaf of then is meant for. */
void leaf_shard(int64_t at_us, char ret[LEAF_SHARD_MAX]);
/* The "patient" of that shard's audit key: bodies are sealed under the half year of their act, so
 * that destroying one key takes what is in one shard. */
struct uuid leaf_shard_id(struct str shard);
