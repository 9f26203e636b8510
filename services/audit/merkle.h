/*
 * merkle - the hash tree of the log: RFC 6962, section 2.1, over SHA-256.
 *
 * A writer appends leaf hashes to a frontier (the roots of the complete subtrees, at most 64 of
 * them) and learns which hashes each append adds to which tile. A reader proves from tiles: that an
 * entry is in a tree (inclusion), and that a tree begins with an older one (consistency). Nothing
 * here does I/O; tiles are read through a callback.
 *
 * Ranges are of entries, [begin, end). Proofs are at most MERKLE_PROOF_MAX hashes.
 *
 * Threads  any; a frontier has one owner.
 * Errors   what the callback returns. A proof that does not hold is false, never an error.
 */
#pragma once

#include "common/base/err.h"
#include "common/crypto/hash.h"

#define MERKLE_PROOF_MAX 64
#define MERKLE_TILE_LEVELS 8 /* of 8 tree levels each: all that 2^64 entries need */

struct merkle_frontier {
    uint64_t size;
    struct hash at[64]; /* at[k] is used if bit k of size is set: a subtree of 2^k entries */
};

struct hash merkle_leaf(struct bytes entry);
struct hash merkle_node(const struct hash *left, const struct hash *right);

/* @ret_added[0] is @leaf itself; @ret_added[L], up to the returned count, is the hash that this
 * leaf completes on tile level L, at index (size >> 8 * L) - 1 of that level. */
unsigned merkle_append(struct merkle_frontier *frontier, const struct hash *leaf,
                       struct hash ret_added[MERKLE_TILE_LEVELS]);
struct hash merkle_root(const struct merkle_frontier *frontier);

/* A tree of @size entries, kept as tiles. read() writes @width hashes (1..256) of tile @n of
 * @level; it need not check them. */
struct merkle_tree {
    uint64_t size;
    err_t (*read)(void *user, unsigned level, uint64_t n, unsigned width, uint8_t *ret_hashes);
    void *user;
};

/* Remembers, on each level, the last tile and one other: a proof looks at no more, so that it reads
 * each at most once. 128 KiB. */
struct merkle_cache {
    struct merkle_tree below;
    struct {
        uint64_t n;
        unsigned width; /* 0: none */
        uint8_t hashes[256 * HASH_BYTES];
    } at[MERKLE_TILE_LEVELS][2];
};
/* @cache is zeroed, and outlives what is returned. */
struct merkle_tree merkle_cached(struct merkle_cache *cache, const struct merkle_tree *tree);

/* The root of the entries before @end: of an older tree, or of the whole one. */
err_t merkle_root_at(const struct merkle_tree *tree, uint64_t end, struct hash *ret);
/* So that a writer goes on where the tiles end. */
err_t merkle_frontier_read(const struct merkle_tree *tree, struct merkle_frontier *ret);

err_t merkle_inclusion(const struct merkle_tree *tree, uint64_t index,
                       struct hash ret_proof[MERKLE_PROOF_MAX], size_t *ret_n);
err_t merkle_consistency(const struct merkle_tree *tree, uint64_t old_size,
                         struct hash ret_proof[MERKLE_PROOF_MAX], size_t *ret_n);

struct merkle_proof {
    const struct hash *at;
    size_t n;
};

bool merkle_includes(uint64_t size, const struct hash *root, uint64_t index,
                     const struct hash *leaf, struct merkle_proof proof);
