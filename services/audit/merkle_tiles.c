/* Proofs and roots of a tree that is kept as tiles: what a verifier never needs. */
#include "services/audit/merkle.h"
#include "services/audit/tiles.h"

#include <assert.h>

static bool bit(uint64_t n, unsigned k)
{
    return n >> k & 1;
}

/* The root of the complete subtree of 2^k entries, the @index-th of its kind: hashed up from one
 * tile's part, as tiles hold every eighth level only. */
static err_t subtree(const struct merkle_tree *tree, unsigned k, uint64_t index, struct hash *ret)
{
    const unsigned level = k / 8, above = k % 8;
    const uint64_t first = index << above;
    struct hash tile[TILES_WIDTH];

    const unsigned width = tiles_width(tree->size, level, first / TILES_WIDTH);
    assert(first % TILES_WIDTH + (1U << above) <= width);
    TRY(tree->read(tree->user, level, first / TILES_WIDTH, width, tile[0].b));
    struct hash *part = tile + first % TILES_WIDTH;
    for (unsigned n = 1U << above; n > 1; n /= 2) {
        for (unsigned i = 0; i < n / 2; i++) {
            part[i] = merkle_node(&part[2 * i], &part[2 * i + 1]);
        }
    }
    *ret = part[0];
    return ERR_OK;
}

/* The root of [begin, end), where @begin is a multiple of a power of two that is not below the
 * length: the only ranges that proofs have. Its complete subtrees are the bits of the length. */
static err_t range(const struct merkle_tree *tree, uint64_t begin, uint64_t end, struct hash *ret)
{
    const uint64_t n = end - begin;
    bool started = false;

    assert(begin < end && end <= tree->size);
    for (unsigned k = 0; k < 64; k++) {
        struct hash hash;
        if (!bit(n, k)) continue;
        /* the smallest subtree is the rightmost one */
        const uint64_t at = begin + (n >> k << k) - (1ULL << k);
        TRY(subtree(tree, k, at >> k, &hash));
        *ret = started ? merkle_node(&hash, ret) : hash;
        started = true;
    }
    return ERR_OK;
}

err_t merkle_root_at(const struct merkle_tree *tree, uint64_t end, struct hash *ret)
{
    struct hash root = hash_sha256(BYTES_NONE);

    assert(end <= tree->size);
    if (end) TRY(range(tree, 0, end, &root));
    *ret = root;
    return ERR_OK;
}

err_t merkle_frontier_read(const struct merkle_tree *tree, struct merkle_frontier *ret)
{
    *ret = (struct merkle_frontier){.size = tree->size};
    for (unsigned k = 0; k < 64; k++) {
        if (bit(tree->size, k)) TRY(subtree(tree, k, (tree->size >> k) - 1, &ret->at[k]));
    }
    return ERR_OK;
}

/* The largest power of two below @n, where RFC 6962 splits a tree of @n > 1 entries. */
static uint64_t split(uint64_t n)
{
    return 1ULL << (63 - __builtin_clzll(n - 1));
}

static void reverse(struct hash *at, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        const struct hash was = at[i];
        at[i] = at[n - 1 - i];
        at[n - 1 - i] = was;
    }
}

err_t merkle_inclusion(const struct merkle_tree *tree, uint64_t index,
                       struct hash ret_proof[MERKLE_PROOF_MAX], size_t *ret_n)
{
    uint64_t begin = 0, end = tree->size;
    size_t n = 0;

    assert(index < tree->size);
    while (end - begin > 1) {
        const uint64_t middle = begin + split(end - begin);
        const bool left = index < middle;
        TRY(left ? range(tree, middle, end, &ret_proof[n])
                 : range(tree, begin, middle, &ret_proof[n]));
        n++;
        *(left ? &end : &begin) = middle;
    }
    reverse(ret_proof, n);
    *ret_n = n;
    return ERR_OK;
}

err_t merkle_consistency(const struct merkle_tree *tree, uint64_t old_size,
                         struct hash ret_proof[MERKLE_PROOF_MAX], size_t *ret_n)
{
    uint64_t begin = 0, end = tree->size;
    size_t n = 0;

    assert(old_size <= tree->size);
    while (old_size && end != old_size) {
        const uint64_t middle = begin + split(end - begin);
        const bool left = old_size <= middle;
        TRY(left ? range(tree, middle, end, &ret_proof[n])
                 : range(tree, begin, middle, &ret_proof[n]));
        n++;
        *(left ? &end : &begin) = middle;
    }
    /* the old tree's last subtree, unless that is the whole old tree, whose root is known */
    if (begin) TRY(range(tree, begin, end, &ret_proof[n++]));
    reverse(ret_proof, n);
    *ret_n = n;
    return ERR_OK;
}

static err_t cache_read(void *user, unsigned level, uint64_t n, unsigned width, uint8_t *ret_hashes)
{
    struct merkle_cache *const cache = user;
    const uint64_t last = ((cache->below.size >> 8 * level) - 1) / TILES_WIDTH;

    assert(level < MERKLE_TILE_LEVELS);
    __typeof__(&cache->at[0][0]) at = &cache->at[level][n == last];
    if (at->n != n || at->width < width) {
        at->width = 0;
        TRY(cache->below.read(cache->below.user, level, n, width, at->hashes));
        at->n = n;
        at->width = width;
    }
    memcpy(ret_hashes, at->hashes, (size_t)width * HASH_BYTES);
    return ERR_OK;
}

struct merkle_tree merkle_cached(struct merkle_cache *cache, const struct merkle_tree *tree)
{
    cache->below = *tree;
    return (struct merkle_tree){.size = tree->size, .read = cache_read, .user = cache};
}
