/*
 * tiles - the names and the contents of the log's files: c2sp.org/tlog-tiles.
 *
 *   tile/<level>/<n>        256 hashes of the tree, every eighth level of it
 *   tile/entries/<n>        256 entries, each behind its length in two bytes, big-endian
 *   ....p/<width>           the same, not yet full: 1 to 255 of them
 *
 * <n> is in groups of three digits, all but the last behind an x: 1234067 is x001/x234/067.
 * A full or partial tile never changes once a checkpoint covers it.
 *
 * Threads  any. Errors: none; what is not a path or a bundle is false.
 */
#pragma once

#include "common/base/str.h"

#include <assert.h>

#define TILES_WIDTH 256
#define TILES_LEVEL_MAX 63
#define TILES_ENTRIES 64 /* the level that stands for entry bundles */
#define TILES_PATH_MAX 64
#define TILES_ENTRY_BYTES_MAX 65535

struct tile {
    unsigned level; /* or TILES_ENTRIES */
    uint64_t n;
    unsigned width; /* 1..256 */
};

/* How many hashes (or entries) tile @n of @level has in a tree of @size entries; 0: no tile. */
unsigned tiles_width(uint64_t size, unsigned level, uint64_t n);

/* NUL-terminated; returns its length. */
size_t tiles_path(struct tile tile, char ret_path[TILES_PATH_MAX]);
/* Only the one spelling that tiles_path() writes. */
bool tiles_parse(struct str path, struct tile *ret);

/* One entry of a bundle, with its length in front; returns the bytes written, entry.n + 2. */
static inline size_t tiles_entry_write(struct bytes entry, uint8_t *to)
{
    assert(entry.n <= TILES_ENTRY_BYTES_MAX);
    to[0] = (uint8_t)(entry.n >> 8);
    to[1] = (uint8_t)entry.n;
    if (entry.n) memcpy(to + 2, entry.p, entry.n);
    return entry.n + 2;
}
/* Cuts the first entry off @bundle; false when there is no whole one. */
bool tiles_entry_next(struct bytes *bundle, struct bytes *ret_entry);
