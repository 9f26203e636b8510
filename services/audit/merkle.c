#include "services/audit/merkle.h"

#include "services/audit/tiles.h"

#include <assert.h>

static bool bit(uint64_t n, unsigned k)
{
    return n >> k & 1;
}

static struct bytes hash_bytes(const struct hash *hash)
{
    return bytes_of(hash->b, HASH_BYTES);
}

struct hash merkle_leaf(struct bytes entry)
{
    return hash_sha256_2(bytes_of("\x00", 1), entry);
}

struct hash merkle_node(const struct hash *left, const struct hash *right)
{
    return hash_sha256_3(bytes_of("\x01", 1), hash_bytes(left), hash_bytes(right));
}

unsigned merkle_append(struct merkle_frontier *frontier, const struct hash *leaf,
                       struct hash ret_added[MERKLE_TILE_LEVELS])
{
    struct hash hash = *leaf;
    unsigned k = 0;

    ret_added[0] = hash;
    for (; bit(frontier->size, k); k++) {
        hash = merkle_node(&frontier->at[k], &hash);
        if ((k + 1) % 8 == 0) ret_added[(k + 1) / 8] = hash;
    }
    frontier->at[k] = hash;
    frontier->size++;
    return 1 + k / 8;
}

struct hash merkle_root(const struct merkle_frontier *frontier)
{
    struct hash root = hash_sha256(BYTES_NONE);
    bool started = false;

    for (unsigned k = 0; k < 64; k++) {
        if (!bit(frontier->size, k)) continue;
        root = started ? merkle_node(&frontier->at[k], &root) : frontier->at[k];
        started = true;
    }
    return root;
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

/* Up one level, and on past those levels on which a last node stands alone on its side. */
static void climb(uint64_t *at, uint64_t *last)
{
    while (*at && !(*at & 1)) {
        *at >>= 1;
        *last >>= 1;
    }
    *at >>= 1;
    *last >>= 1;
}

bool merkle_includes(uint64_t size, const struct hash *root, uint64_t index,
                     const struct hash *leaf, struct merkle_proof proof)
{
    uint64_t at = index, last = size - 1;
    struct hash hash = *leaf;

    if (index >= size) return false;
    for (size_t i = 0; i < proof.n; i++) {
        if (last == 0) return false;
        if (at & 1 || at == last) {
            hash = merkle_node(&proof.at[i], &hash);
            climb(&at, &last);
        } else {
            hash = merkle_node(&hash, &proof.at[i]);
            at >>= 1;
            last >>= 1;
        }
    }
    return last == 0 && hash_equal(&hash, root);
}

bool merkle_extends(uint64_t size, const struct hash *root, uint64_t old_size,
                    const struct hash *old_root, struct merkle_proof proof)
{
    const struct hash empty = hash_sha256(BYTES_NONE);

    if (old_size > size) return false;
    if (old_size == size) return proof.n == 0 && hash_equal(old_root, root);
    if (old_size == 0) return proof.n == 0 && hash_equal(old_root, &empty);

    uint64_t at = old_size - 1, last = size - 1;
    const unsigned complete = (unsigned)__builtin_ctzll(old_size);
    at >>= complete;
    last >>= complete;
    /* an old tree that is one complete subtree is its own first step */
    const bool whole = (old_size & (old_size - 1)) == 0;
    if (proof.n + whole == 0) return false;
    struct hash now = whole ? *old_root : proof.at[0], old = now;
    for (size_t i = !whole; i < proof.n; i++) {
        if (last == 0) return false;
        if (at & 1 || at == last) {
            old = merkle_node(&proof.at[i], &old);
            now = merkle_node(&proof.at[i], &now);
            climb(&at, &last);
        } else {
            now = merkle_node(&now, &proof.at[i]);
            at >>= 1;
            last >>= 1;
        }
    }
    return last == 0 && hash_equal(&now, root) && hash_equal(&old, old_root);
}
