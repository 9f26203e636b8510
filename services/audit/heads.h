/*
 * heads - the file <heads_dir>/<org>/heads, which only grows: a line for each tree that was signed,
 *
 *   <origin> <size> <base64 of the root>
 *
 * of whichever shard, synced after the head has moved in PostgreSQL and before the tree is
 * published. Kept where a backup does not overwrite it (chattr +a, another disk), it tells a
 * restored database or folder from the newest one.
 *
 * Threads  one writes.
 * Errors   ERR_NOT_FOUND, unraised, when no tree is known; ERR_CORRUPT names a line that is none.
 */
#pragma once

#include "common/base/err.h"
#include "services/audit/checkpoint.h"

#define HEADS "heads"

/* Adds nothing if it is the last one already; synced when it returns. */
err_t heads_add(const char *dir, const struct checkpoint *tree, struct arena *arena);
err_t heads_last(const char *dir, struct arena *arena, struct checkpoint *ret);
/* A line, without its newline; the origin is borrowed from it. */
bool heads_parse(struct str line, struct checkpoint *ret);
/* Below zero: @a was signed before @b; origins of one log. */
int heads_order(const struct checkpoint *a, const struct checkpoint *b);
