#include "services/audit/merkle.h"

#include "services/audit/tiles.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#define SIZE_MAX_NAIVE 300
#define SIZE_LARGE 70000 /* c2sp.org/tlog-tiles' own example: tiles of three levels */

/* The Certificate Transparency reference data for RFC 6962: eight entries, and each root. */
static const struct {
    const char *entry, *root;
} published[] = {
    {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {"606162636465666768696a6b6c6d6e6f",
     "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

/* The tiles of one growing log, as a service would keep them. */
static struct {
    struct hash level[3][SIZE_LARGE];
    size_t n[3];
} kept;

/* naive[b][e]: the root of entries [b, e), straight from the definition. */
static struct hash naive[SIZE_MAX_NAIVE + 1][SIZE_MAX_NAIVE + 1];

static struct hash leaf_of(uint64_t index)
{
    return merkle_leaf(bytes_of(&index, sizeof(index)));
}

static size_t naive_split(size_t n)
{
    size_t k = 1;

    while (2 * k < n) {
        k *= 2;
    }
    return k;
}

/* RFC 9162, 2.1.4.2: what a witness does with a consistency proof. The service only makes them. */
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

static bool extends(uint64_t size, const struct hash *root, uint64_t old_size,
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

static err_t read_kept(void *user, unsigned level, uint64_t n, unsigned width, uint8_t *ret_hashes)
{
    (void)user;
    assert_true(level < 3 && n * TILES_WIDTH + width <= kept.n[level]);
    memcpy(ret_hashes, kept.level[level][n * TILES_WIDTH].b, width * HASH_BYTES);
    return ERR_OK;
}

static struct merkle_tree tree_of(uint64_t size)
{
    return (struct merkle_tree){.size = size, .read = read_kept};
}

static void keep(struct merkle_frontier *frontier, uint64_t index)
{
    struct hash leaf = leaf_of(index), added[MERKLE_TILE_LEVELS];
    const unsigned levels = merkle_append(frontier, &leaf, added);

    for (unsigned level = 0; level < levels; level++) {
        assert_int_equal(kept.n[level], (frontier->size >> 8 * level) - 1);
        kept.level[level][kept.n[level]++] = added[level];
    }
}

static int fill(void **state)
{
    (void)state;
    struct merkle_frontier frontier = {0};

    for (uint64_t i = 0; i < SIZE_LARGE; i++) {
        keep(&frontier, i);
    }
    for (size_t n = 1; n <= SIZE_MAX_NAIVE; n++) {
        for (size_t b = 0; b + n <= SIZE_MAX_NAIVE; b++) {
            const size_t k = b + naive_split(n);
            naive[b][b + n] = n == 1 ? leaf_of(b) : merkle_node(&naive[b][k], &naive[k][b + n]);
        }
    }
    return 0;
}

static void assert_hash(const struct hash *got, const struct hash *expected)
{
    assert_memory_equal(got->b, expected->b, HASH_BYTES);
}

static void agrees_with_the_reference_data(void **state)
{
    (void)state;
    struct merkle_frontier frontier = {0};
    char hex[64];

    struct hash root = merkle_root(&frontier);
    const struct hash empty = hash_sha256(BYTES_NONE); /* RFC 6962, section 2.1 */
    assert_hash(&root, &empty);
    for (size_t i = 0; i < 8; i++) {
        struct hash added[MERKLE_TILE_LEVELS];
        uint8_t entry[16];
        const struct str text = str_of(published[i].entry);
        assert_true(hex_decode(text, entry));
        const struct hash leaf = merkle_leaf(bytes_of(entry, text.n / 2));
        assert_int_equal(merkle_append(&frontier, &leaf, added), 1);
        root = merkle_root(&frontier);
        hex_encode(bytes_of(root.b, HASH_BYTES), hex);
        assert_memory_equal(hex, published[i].root, 64);
    }
}

static void roots_agree_with_the_definition(void **state)
{
    (void)state;
    struct merkle_frontier frontier = {0}, read;
    const struct merkle_tree largest = tree_of(SIZE_MAX_NAIVE);
    const struct hash empty = hash_sha256(BYTES_NONE);
    struct hash root, added[MERKLE_TILE_LEVELS];

    for (size_t size = 0; size <= SIZE_MAX_NAIVE; size++) {
        const struct hash *expected = size ? &naive[0][size] : &empty;
        const struct merkle_tree tree = tree_of(size);
        root = merkle_root(&frontier);
        assert_hash(&root, expected);
        assert_int_equal(merkle_root_at(&largest, size, &root), ERR_OK);
        assert_hash(&root, expected);
        assert_int_equal(merkle_frontier_read(&tree, &read), ERR_OK);
        assert_int_equal(read.size, size);
        root = merkle_root(&read);
        assert_hash(&root, expected);
        const struct hash leaf = leaf_of(size);
        merkle_append(&frontier, &leaf, added);
    }
}

/* PATH(m, D[n]) of RFC 6962, section 2.1.1, from the leaf up. */
static size_t naive_inclusion(size_t index, size_t size, struct hash *proof)
{
    struct hash down[16];
    size_t b = 0, e = size, n = 0;

    while (e - b > 1) {
        const size_t k = b + naive_split(e - b);
        down[n++] = index < k ? naive[k][e] : naive[b][k];
        if (index < k) {
            e = k;
        } else {
            b = k;
        }
    }
    for (size_t i = 0; i < n; i++) {
        proof[i] = down[n - 1 - i];
    }
    return n;
}

static void every_entry_of_every_tree_is_proved(void **state)
{
    (void)state;
    struct hash proof[MERKLE_PROOF_MAX], expected[16];

    for (size_t size = 1; size <= SIZE_MAX_NAIVE; size++) {
        const struct merkle_tree tree = tree_of(size);
        for (size_t i = 0; i < size; i++) {
            size_t n = 0;
            assert_int_equal(merkle_inclusion(&tree, i, proof, &n), ERR_OK);
            assert_int_equal(n, naive_inclusion(i, size, expected));
            assert_memory_equal(proof, expected, n * sizeof(proof[0]));
            const struct merkle_proof p = {proof, n};
            assert_true(merkle_includes(size, &naive[0][size], i, &naive[i][i + 1], p));
            const size_t other = (i + 1) % size;
            assert_int_equal(merkle_includes(size, &naive[0][size], other, &naive[i][i + 1], p),
                             other == i);
        }
    }
}

/* PROOF(m, D[n]) of RFC 6962, section 2.1.2. */
static size_t naive_consistency(size_t old, size_t size, struct hash *proof)
{
    struct hash down[16];
    size_t b = 0, e = size, n = 0;

    while (e != old) {
        const size_t k = b + naive_split(e - b);
        down[n++] = old <= k ? naive[k][e] : naive[b][k];
        if (old <= k) {
            e = k;
        } else {
            b = k;
        }
    }
    if (b) down[n++] = naive[b][e];
    for (size_t i = 0; i < n; i++) {
        proof[i] = down[n - 1 - i];
    }
    return n;
}

static void trees_extend_smaller_ones(void **state)
{
    (void)state;
    struct hash proof[MERKLE_PROOF_MAX], expected[16];

    for (size_t size = 1; size <= SIZE_MAX_NAIVE; size++) {
        const struct merkle_tree tree = tree_of(size);
        const struct hash *root = &naive[0][size];
        for (size_t old = 1; old <= size; old += size <= 100 ? 1 : 7) {
            size_t n = 0;
            assert_int_equal(merkle_consistency(&tree, old, proof, &n), ERR_OK);
            assert_int_equal(n, naive_consistency(old, size, expected));
            assert_memory_equal(proof, expected, n * sizeof(proof[0]));
            const struct merkle_proof p = {proof, n};
            assert_true(extends(size, root, old, &naive[0][old], p));
            if (old == size) continue;
            assert_false(extends(size, root, old, &naive[1][old + 1], p));
            assert_false(extends(size, &naive[1][size], old, &naive[0][old], p));
        }
    }
}

static void every_tree_extends_the_empty_one(void **state)
{
    (void)state;
    const struct merkle_tree tree = tree_of(7);
    const struct hash empty = hash_sha256(BYTES_NONE);
    struct hash proof[MERKLE_PROOF_MAX];
    size_t n = 9;

    assert_int_equal(merkle_consistency(&tree, 0, proof, &n), ERR_OK);
    assert_int_equal(n, 0);
    const struct merkle_proof p = {proof, n};
    assert_true(extends(7, &naive[0][7], 0, &empty, p));
    assert_false(extends(7, &naive[0][7], 0, &naive[0][7], p));
}

static void flip(struct hash *hashes, size_t bit)
{
    hashes[bit / (8 * HASH_BYTES)].b[bit / 8 % HASH_BYTES] ^= (uint8_t)(1 << bit % 8);
}

/* Each bit of each hash of a proof counts, and so do their number and order. */
static void a_changed_proof_does_not_hold(void **state)
{
    (void)state;
    enum { SIZE = 213, INDEX = 133, OLD = 77 };
    const struct merkle_tree tree = tree_of(SIZE);
    struct hash in[MERKLE_PROOF_MAX] = {0}, ex[MERKLE_PROOF_MAX] = {0};
    struct merkle_proof pin = {in, 0}, pex = {ex, 0};
    const struct hash *root = &naive[0][SIZE], *leaf = &naive[INDEX][INDEX + 1];

    assert_int_equal(merkle_inclusion(&tree, INDEX, in, &pin.n), ERR_OK);
    assert_int_equal(merkle_consistency(&tree, OLD, ex, &pex.n), ERR_OK);
    for (size_t bit = 0; bit < 8 * HASH_BYTES * pin.n; bit++) {
        flip(in, bit);
        assert_false(merkle_includes(SIZE, root, INDEX, leaf, pin));
        flip(in, bit);
    }
    for (size_t bit = 0; bit < 8 * HASH_BYTES * pex.n; bit++) {
        flip(ex, bit);
        assert_false(extends(SIZE, root, OLD, &naive[0][OLD], pex));
        flip(ex, bit);
    }
    for (size_t n = 0; n <= pin.n + 1; n++) {
        const struct merkle_proof p = {in, n};
        assert_int_equal(merkle_includes(SIZE, root, INDEX, leaf, p), n == pin.n);
    }
    for (size_t n = 0; n <= pex.n + 1; n++) {
        const struct merkle_proof p = {ex, n};
        assert_int_equal(extends(SIZE, root, OLD, &naive[0][OLD], p), n == pex.n);
    }
    assert_false(merkle_includes(INDEX, root, INDEX, leaf, pin));
    assert_false(merkle_includes(0, root, 0, leaf, pin));
    assert_false(extends(OLD - 1, root, OLD, &naive[0][OLD], pex));
}

static void proofs_reach_over_three_levels_of_tiles(void **state)
{
    (void)state;
    const struct merkle_tree tree = tree_of(SIZE_LARGE);
    struct hash proof[MERKLE_PROOF_MAX], root, old_root;
    size_t n = 0;

    assert_int_equal(kept.n[1], SIZE_LARGE / 256);
    assert_int_equal(kept.n[2], 1);
    assert_int_equal(merkle_root_at(&tree, SIZE_LARGE, &root), ERR_OK);
    for (uint64_t i = 0; i < SIZE_LARGE; i += 997) {
        const struct hash leaf = leaf_of(i);
        assert_int_equal(merkle_inclusion(&tree, i, proof, &n), ERR_OK);
        assert_true(merkle_includes(SIZE_LARGE, &root, i, &leaf, (struct merkle_proof){proof, n}));
        if (i == 0) continue;
        assert_int_equal(merkle_root_at(&tree, i, &old_root), ERR_OK);
        assert_int_equal(merkle_consistency(&tree, i, proof, &n), ERR_OK);
        assert_true(
            extends(SIZE_LARGE, &root, i, &old_root, (struct merkle_proof){proof, n}));
    }
}

static unsigned reads[3][SIZE_LARGE / TILES_WIDTH + 1];

static err_t read_counted(void *user, unsigned level, uint64_t n, unsigned width, uint8_t *ret)
{
    reads[level][n]++;
    return read_kept(user, level, n, width, ret);
}

static void a_cached_tree_reads_each_tile_once_a_proof(void **state)
{
    (void)state;
    static struct merkle_cache cache;
    struct hash proof[MERKLE_PROOF_MAX], plain[MERKLE_PROOF_MAX];

    for (uint64_t at = 1; at < SIZE_LARGE; at += 97) {
        const struct merkle_tree files = {.size = SIZE_LARGE - at % 300, .read = read_counted};
        const struct merkle_tree kept_files = tree_of(files.size);
        const uint64_t old = at % files.size;
        size_t n = 0, plain_n = 0;
        unsigned all = 0;

        memset(&cache, 0, sizeof cache);
        memset(reads, 0, sizeof reads);
        const struct merkle_tree tree = merkle_cached(&cache, &files);
        if (at % 2)
            assert_int_equal(merkle_consistency(&tree, old, proof, &n), ERR_OK);
        else
            assert_int_equal(merkle_inclusion(&tree, old, proof, &n), ERR_OK);
        if (at % 2)
            assert_int_equal(merkle_consistency(&kept_files, old, plain, &plain_n), ERR_OK);
        else
            assert_int_equal(merkle_inclusion(&kept_files, old, plain, &plain_n), ERR_OK);
        assert_int_equal(n, plain_n);
        assert_memory_equal(proof, plain, n * sizeof proof[0]);
        for (unsigned level = 0; level < 3; level++) {
            for (size_t i = 0; i <= SIZE_LARGE / TILES_WIDTH; i++) {
                assert_true(reads[level][i] <= 1);
                all += reads[level][i];
            }
        }
        assert_true(all <= 2 * 3);
    }
}

static err_t read_nothing(void *user, unsigned level, uint64_t n, unsigned width, uint8_t *ret)
{
    (void)user, (void)level, (void)n, (void)width, (void)ret;
    return ERR_UNAVAILABLE;
}

static void a_missing_tile_is_passed_up(void **state)
{
    (void)state;
    const struct merkle_tree tree = {.size = 300, .read = read_nothing};
    struct hash proof[MERKLE_PROOF_MAX];
    size_t n = 0;

    assert_int_equal(merkle_inclusion(&tree, 1, proof, &n), ERR_UNAVAILABLE);
    assert_int_equal(merkle_consistency(&tree, 1, proof, &n), ERR_UNAVAILABLE);
    assert_int_equal(merkle_root_at(&tree, 300, proof), ERR_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_reference_data),
        cmocka_unit_test(roots_agree_with_the_definition),
        cmocka_unit_test(every_entry_of_every_tree_is_proved),
        cmocka_unit_test(trees_extend_smaller_ones),
        cmocka_unit_test(every_tree_extends_the_empty_one),
        cmocka_unit_test(a_changed_proof_does_not_hold),
        cmocka_unit_test(proofs_reach_over_three_levels_of_tiles),
        cmocka_unit_test(a_cached_tree_reads_each_tile_once_a_proof),
        cmocka_unit_test(a_missing_tile_is_passed_up),
    };

    return cmocka_run_group_tests(tests, fill, NULL);
}
