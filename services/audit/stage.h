/*
 * stage - the next state of a log as one file: all that it will publish, written and synced before
 * anything of it counts. A crash at any line is mended by publishing it again, or by dropping it.
 *
 *   "telecura stage 1\n" | old size (8) | files (4)
 *   | per file: name length (1), name, bytes (4), bytes | SHA-256 of all before
 *
 * Numbers are big-endian; the last file is the checkpoint.
 *
 * Ownership  a stage borrows from what it was read from. Threads any.
 */
#pragma once

#include "common/base/arena.h"

#define STAGE_FILES_MAX 64 /* of 4096 leaves: 17 bundles, 17 tiles, two of each level above */

struct stage_file {
    struct str name;
    struct bytes bytes;
};

struct stage {
    uint64_t old_size;
    struct stage_file files[STAGE_FILES_MAX];
    size_t count;
};

void stage_add(struct stage *stage, struct str name, struct bytes bytes);
struct bytes stage_pack(struct arena *arena, const struct stage *stage);
bool stage_parse(struct bytes from, struct stage *ret);
