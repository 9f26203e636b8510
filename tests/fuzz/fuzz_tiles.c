/* Whatever is asked of the open half of the log: a name opens one tile or none, and has one
 * spelling; whichever tree a witness asks us to prove from, the proof holds by RFC 9162's own rules
 * (section 2.1.4.2), and nothing is read that is not there. */
#include "services/audit/audit.h"
#include "tree.h"

/* @proof: what leads from the tree of @old entries to the one of @size. */
static bool leads(uint64_t old, uint64_t size, struct merkle_proof proof,
                  const struct hash *old_root, const struct hash *root)
{
    uint64_t from = old - 1, to = size - 1;
    size_t at = 0;

    if (old == 0 || old == size) return proof.n == 0;
    for (; from & 1; from >>= 1) to >>= 1;
    const bool whole = (old & (old - 1)) == 0;
    if (!whole && proof.n == 0) return false;
    struct hash was = whole ? *old_root : proof.at[at++], is = was;
    for (; at < proof.n; at++, from >>= 1, to >>= 1) {
        const struct hash *const next = &proof.at[at];

        if (to == 0) return false;
        if (!(from & 1) && from != to) {
            is = merkle_node(&is, next);
            continue;
        }
        was = merkle_node(next, &was);
        is = merkle_node(next, &is);
        for (; from && !(from & 1); from >>= 1) to >>= 1;
    }
    return to == 0 && hash_equal(&was, old_root) && hash_equal(&is, root);
}

static void prove(struct grown *grown, uint64_t size, struct str text, struct arena *arena)
{
    struct hash hashes[MERKLE_PROOF_MAX];
    struct consistency_query query;
    struct json_fault fault;
    size_t n = 0;

    if (json_decode_query(&consistency_query_shape, text, arena, &query, &fault) != ERR_OK) return;
    if (query.old < 0) abort();
    const uint64_t old = (uint64_t)query.old;
    if (old > size) return; /* not found */
    const struct merkle_tree files = {size, tree_read, grown};
    const struct merkle_tree tree = merkle_cached(ARENA_NEW(arena, struct merkle_cache), &files);
    if (merkle_consistency(&tree, old, hashes, &n) != ERR_OK || n > MERKLE_PROOF_MAX) abort();
    const struct merkle_proof proof = {hashes, n};
    if (!leads(old, size, proof, &grown->roots[old], &grown->roots[size])) abort();
}

static void name_read(struct str text)
{
    char path[TILES_PATH_MAX];
    struct tile tile;

    if (!tiles_parse(text, &tile)) return;
    if (tile.width == 0 || tile.width > TILES_WIDTH || tile.level > TILES_ENTRIES) abort();
    if (!str_equal((struct str){path, tiles_path(tile, path)}, text)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n);

/* Three bytes are the size of the tree, the rest the name or the query. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
    static struct grown *grown;
    static struct arena *arena;

    if (!grown) {
        grown = tree_grow(TREE_SIZE_MAX);
        arena = arena_new(4 << 20);
    }
    if (n < 3) return 0;
    const uint64_t drawn = (uint64_t)(input[0] << 16 | input[1] << 8 | input[2]);
    const uint64_t size = drawn % (TREE_SIZE_MAX + 1);
    const struct str text = {(const char *)input + 3, n - 3};
    name_read(text);
    prove(grown, size, text, arena);
    arena_reset(arena);
    return 0;
}
