/*
 * arena - memory that dies together: bump allocation up to a byte limit, wiped at reset.
 *
 * Every act has one; whatever its reply needs is allocated there and nothing is freed singly.
 * Reset overwrites what was used, so that no PHI outlives its act in the heap.
 *
 * Ownership  what arena_alloc() returns belongs to the arena until arena_reset().
 * Threads    one at a time.
 * Errors     none: arena_alloc() aborts when malloc fails or the limit is passed by our own
 *            mistake; arena_try() returns NULL at the limit, for sizes that input decides.
 */
#pragma once

#include "common/base/str.h"

#include <stddef.h>

struct arena;

struct arena *arena_new(size_t bytes_max);
struct arena *arena_free(struct arena *arena); /* wipes; takes NULL; returns NULL */
void arena_reset(struct arena *arena);         /* wipes what was used, keeps the first block */
/* For who fills it again at once: a reset keeps so much more of its memory. */
void arena_keeps(struct arena *arena, size_t bytes);
size_t arena_used(const struct arena *arena);

void *arena_alloc(struct arena *arena, size_t bytes); /* zeroed, aligned for any type */
void *arena_try(struct arena *arena, size_t bytes);   /* as above; NULL past the limit */

void *arena_copy(struct arena *arena, const void *from, size_t bytes);
char *arena_cstr(struct arena *arena, struct str text); /* NUL-terminated copy */
struct str arena_str(struct arena *arena, struct str text);
struct bytes arena_bytes(struct arena *arena, struct bytes from);
struct str arena_printf(struct arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))
