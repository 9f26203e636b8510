/*
 * verify - what audit-verify is made of: who has signed (signers.c), one shard of a log (folder.c),
 * one entry (proof.c), several shards and what an auditor kept (main.c).
 *
 * Threads    one.
 * Ownership  a struct verifier borrows its arena and buffers; its texts lie in that arena.
 * Errors     what is wrong is printed, a line each, and counted.
 */
#pragma once

#include "common/base/arena.h"
#include "services/audit/checkpoint.h"
#include "services/audit/merkle.h"
#include "services/audit/note.h"
#include "services/audit/tiles.h"

#define BUNDLE_BYTES_MAX (TILES_WIDTH * (2 + TILES_ENTRY_BYTES_MAX))
#define WITNESSES_MAX 16

/* ---- signers.c ---- */

struct signers {
    struct note_key log, witnesses[WITNESSES_MAX];
    size_t count; /* of witnesses */
};

/* The log has signed @text; *ret is it. Whatever others signed is not looked at. NULL, or what is
 * wrong. @log may be the key of any shard of the same log: they differ in their name alone. */
const char *signers_log(struct str text, const struct note_key *log, struct checkpoint *ret);
/* So, and nobody has signed it who cannot be checked; if @newest, all the witnesses have. Empty, or
 * what is wrong; *ret is set as soon as the log has signed. */
struct str signers_all(struct str text, const struct signers *signers, bool newest,
                       struct arena *arena, struct checkpoint *ret);

/* ---- proof.c ---- */

/* Prints what is proved, or what is wrong; the exit code. */
int proof_verify(const char *path, const struct signers *signers);

/* ---- folder.c ---- */

struct filling {
    struct hash hashes[TILES_WIDTH]; /* of the tile that is being filled */
    unsigned width;
    uint64_t n;
};

struct verifier {
    int dir;
    struct checkpoint checkpoint;
    const struct checkpoint *kept; /* of the same shard, by the auditor; NULL: of none or another */
    struct str linked; /* the checkpoint in its first entry; empty if that is no link */
    struct arena *arena;
    struct merkle_frontier frontier;
    struct filling levels[MERKLE_TILE_LEVELS];
    uint8_t *bundle, *other; /* BUNDLE_BYTES_MAX each */
    unsigned faults;
};

void fault(struct verifier *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* All of @dir; @kept, if that is of this shard, is its beginning. NULL: nothing was kept. */
void folder_verify(struct verifier *v, char *dir, const struct signers *signers, bool newest,
                   const struct checkpoint *kept);
