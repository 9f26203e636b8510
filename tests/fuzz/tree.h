/*
 * tree - a log's tree in memory, for what reads tiles, with the root of each of its beginnings.
 */
#pragma once

#include "services/audit/merkle.h"
#include "services/audit/tiles.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TREE_SIZE_MAX 66000 /* tiles of three levels */
#define TREE_ENTRY_MAX 32

struct grown {
    uint64_t size;
    struct hash at[3][TREE_SIZE_MAX], roots[TREE_SIZE_MAX + 1];
};

static inline struct bytes tree_entry(uint64_t index, char ret[TREE_ENTRY_MAX])
{
    const int n = snprintf(ret, TREE_ENTRY_MAX, "entry %" PRIu64, index);

    return bytes_of(ret, (size_t)n);
}

static inline struct grown *tree_grow(uint64_t size)
{
    struct grown *const grown = calloc(1, sizeof *grown);
    struct merkle_frontier frontier = {0};
    struct hash added[MERKLE_TILE_LEVELS];
    char text[TREE_ENTRY_MAX];

    if (!grown) abort();
    grown->roots[0] = merkle_root(&frontier);
    while (grown->size < size) {
        const struct hash leaf = merkle_leaf(tree_entry(grown->size, text));
        const unsigned levels = merkle_append(&frontier, &leaf, added);

        grown->size++;
        for (unsigned i = 0; i < levels; i++) grown->at[i][(grown->size >> 8 * i) - 1] = added[i];
        grown->roots[grown->size] = merkle_root(&frontier);
    }
    return grown;
}

/* Whoever asks for what is not there is wrong. */
static inline err_t tree_read(void *user, unsigned level, uint64_t n, unsigned width, uint8_t *ret)
{
    const struct grown *const grown = user;

    if (level > 2 || width == 0 || width > TILES_WIDTH ||
        n * TILES_WIDTH + width > grown->size >> 8 * level)
        abort();
    memcpy(ret, grown->at[level][n * TILES_WIDTH].b, width * HASH_BYTES);
    return ERR_OK;
}
