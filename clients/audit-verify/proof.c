/*
 * One entry's proof, a c2sp.org/tlog-proof file whose extra data is the entry itself:
 *
 *   c2sp.org/tlog-proof@v1
 *   extra <base64 of the entry>
 *   index <n>
 *   <base64 of a hash>            one line each, from the entry up to the root
 *   <empty line>
 *   <the signed checkpoint>
 */
#include "clients/audit-verify/verify.h"

#include <inttypes.h>
#include <stdio.h>

#define PROOF_BYTES_MAX (256 * 1024)

struct proof {
    uint64_t index;
    struct bytes entry;
    struct hash path[MERKLE_PROOF_MAX];
    size_t n;
    struct str note;
    struct checkpoint checkpoint;
};

/* The line that begins with @word and a space: what follows it. */
static bool line_of(struct str *rest, const char *word, struct str *ret)
{
    struct str line;
    const size_t n = strlen(word);

    if (!str_cut(rest, '\n', &line) || !str_starts(line, word)) return false;
    *ret = (struct str){line.p + n, line.n - n};
    return true;
}

static bool entry_read(struct str text, struct arena *arena, struct bytes *ret)
{
    uint8_t *const bytes = arena_alloc(arena, text.n + 1);
    size_t n = 0;

    if (!base64_decode(text, bytes, &n) || n > TILES_ENTRY_BYTES_MAX) return false;
    *ret = bytes_of(bytes, n);
    return true;
}

static bool proof_read(struct str rest, struct arena *arena, struct proof *ret)
{
    struct str line, entry, index;
    uint8_t hash[BASE64_LEN(HASH_BYTES)];
    int64_t at;
    size_t n;

    *ret = (struct proof){0};
    if (!str_cut(&rest, '\n', &line) || !str_is(line, "c2sp.org/tlog-proof@v1")) return false;
    if (!line_of(&rest, "extra ", &entry) || !entry_read(entry, arena, &ret->entry)) return false;
    if (!line_of(&rest, "index ", &index) || !str_int(index, 0, INT64_MAX, &at)) return false;
    ret->index = (uint64_t)at;
    while (str_cut(&rest, '\n', &line) && line.n) {
        if (ret->n == MERKLE_PROOF_MAX || line.n != BASE64_LEN(HASH_BYTES) ||
            !base64_decode(line, hash, &n) || n != HASH_BYTES)
            return false;
        memcpy(ret->path[ret->n++].b, hash, HASH_BYTES);
    }
    ret->note = rest;
    return rest.n > 0;
}

/* Empty when it holds. */
static struct str fault_of(struct str text, const struct signers *signers, struct arena *arena,
                           struct proof *proof)
{
    if (!proof_read(text, arena, proof)) return STR("not a proof with its entry");
    const struct str wrong = signers_all(proof->note, signers, true, arena, &proof->checkpoint);
    if (wrong.n) return arena_printf(arena, "its checkpoint: " STR_FMT, STR_ARG(wrong));
    const struct checkpoint *const of = &proof->checkpoint;
    const struct hash leaf = merkle_leaf(proof->entry);
    const struct merkle_proof path = {proof->path, proof->n};
    if (!merkle_includes(of->size, &of->root, proof->index, &leaf, path))
        return STR("the entry is not in the tree that was signed");
    return STR_NONE;
}

int proof_verify(const char *path, const struct signers *signers)
{
    static char text[PROOF_BYTES_MAX]; /* what a proof does not fill is never touched */
    struct arena *arena = arena_new(1 << 20);
    FILE *const file = fopen(path, "re");
    const size_t n = file ? fread(text, 1, PROOF_BYTES_MAX, file) : 0;
    struct proof proof;

    const struct str wrong =
        file ? fault_of((struct str){text, n}, signers, arena, &proof) : STR("cannot be read");
    if (file) fclose(file);
    if (wrong.n)
        printf("%s: " STR_FMT "\n", path, STR_ARG(wrong));
    else
        printf("proved: entry %" PRIu64 " of " STR_FMT "\n", proof.index,
               STR_ARG(proof.checkpoint.origin));
    arena_free(arena);
    return wrong.n ? 1 : 0;
}
