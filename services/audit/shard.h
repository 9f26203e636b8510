/*
 * shard - a log is cut where a half year ends: its shards are logs of their own, each in a folder
 * of its own, and the first leaf of each but the first is a link.
 *
 *   <log_dir>/<org>/heads                 of all of them
 *   <log_dir>/<org>/2026h2/checkpoint …   one shard, and nothing but what c2sp.org/tlog-tiles says,
 *                                         besides vkey and, for moments, staging
 *
 * A shard's origin is audit.<org>/2026h2 (audit.suite/… for org nil, what concerns no
 * organisation); shards of one log stand in the order of their names. A link is a leaf of class 3
 * that seals nothing: in place of a sealed body it has the last signed checkpoint of the shard
 * before it, so that each shard commits to the whole of the one before.
 *
 * Threads  any. Errors: none; what is no shard or no link is false.
 */
#pragma once

#include "common/base/arena.h"

#define SHARD_NAME_MAX 8 /* "2026h2", NUL; leaf_shard() makes it */

bool shard_is_name(struct str name);
/* What follows the last slash of an origin; empty if that is no shard's name. */
struct str shard_of_origin(struct str origin);
/* Two origins of one log. */
bool shard_same_log(struct str a, struct str b);

/* @log: as it stands in leaves; @note: the signed checkpoint. */
struct bytes shard_link(struct arena *arena, struct str log, int64_t time_ms, struct str note);
/* The checkpoint that a link holds, borrowed; whether it was signed is not looked at. */
bool shard_link_parse(struct bytes leaf, struct str *ret_note);
