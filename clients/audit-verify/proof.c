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
#include "services/audit/checkpoint.h"
#include "services/audit/merkle.h"
#include "services/audit/shard.h"
#include "services/audit/tiles.h"

#include <inttypes.h>
#include <stdio.h>

#define PROOF_BYTES_MAX (256 * 1024)

struct proof {
    uint64_t index;
    struct bytes entry;
    struct hash path[MERKLE_PROOF_MAX];
    size_t n;
    struct str note;
    struct note_key key; /* under the name of the shard that it is of */
};

/* Cuts the next line off @rest; false when there is none. */
static bool line_next(struct str *rest, struct str *ret)
{
    const char *const end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;

    if (!end) return false;
    *ret = (struct str){rest->p, (size_t)(end - rest->p)};
    *rest = (struct str){end + 1, rest->n - ret->n - 1};
    return true;
}

/* The line that begins with @word and a space: what follows it. */
static bool line_of(struct str *rest, const char *word, struct str *ret)
{
    struct str line;
    const size_t n = strlen(word);

    if (!line_next(rest, &line) || !str_starts(line, word)) return false;
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
    if (!line_next(&rest, &line) || !str_is(line, "c2sp.org/tlog-proof@v1")) return false;
    if (!line_of(&rest, "extra ", &entry) || !entry_read(entry, arena, &ret->entry)) return false;
    if (!line_of(&rest, "index ", &index) || !str_int(index, 0, INT64_MAX, &at)) return false;
    ret->index = (uint64_t)at;
    while (line_next(&rest, &line) && line.n) {
        if (ret->n == MERKLE_PROOF_MAX || line.n != BASE64_LEN(HASH_BYTES) ||
            !base64_decode(line, hash, &n) || n != HASH_BYTES)
            return false;
        memcpy(ret->path[ret->n++].b, hash, HASH_BYTES);
    }
    ret->note = rest;
    return rest.n > 0;
}

struct note_key key_for(struct str text, const struct note_key *key)
{
    struct checkpoint claimed;

    if (!checkpoint_read_unsigned(text, &claimed) || !shard_same_log(claimed.origin, key->name))
        return *key;
    return note_key(claimed.origin, key->key);
}

/* NULL when it holds. */
static const char *fault_of(struct str text, const struct note_key *key, struct arena *arena,
                            struct proof *proof)
{
    struct checkpoint checkpoint;
    struct note note;

    if (!proof_read(text, arena, proof)) return "not a proof with its entry";
    proof->key = key_for(proof->note, key);
    if (note_open(proof->note, &proof->key, 1, &note) != ERR_OK)
        return "its checkpoint is not a note that this key has signed";
    if (!checkpoint_parse(note.text, &checkpoint) || !str_equal(checkpoint.origin, proof->key.name))
        return "its checkpoint is not one of this log";
    const struct hash leaf = merkle_leaf(proof->entry);
    const struct merkle_proof path = {proof->path, proof->n};
    if (!merkle_includes(checkpoint.size, &checkpoint.root, proof->index, &leaf, path))
        return "the entry is not in the tree that was signed";
    return NULL;
}

int proof_verify(const char *path, const struct note_key *key)
{
    static char text[PROOF_BYTES_MAX]; /* what a proof does not fill is never touched */
    struct arena *arena = arena_new(1 << 20);
    FILE *const file = fopen(path, "re");
    const size_t n = file ? fread(text, 1, PROOF_BYTES_MAX, file) : 0;
    struct proof proof;

    const char *const fault =
        file ? fault_of((struct str){text, n}, key, arena, &proof) : "cannot be read";
    if (file) fclose(file);
    if (fault)
        printf("%s: %s\n", path, fault);
    else
        printf("proved: entry %" PRIu64 " of " STR_FMT "\n", proof.index, STR_ARG(proof.key.name));
    arena_free(arena);
    return fault ? 1 : 0;
}
