#include "services/audit/merkle.h"

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
