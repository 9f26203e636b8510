/*
 * checkpoint - what the log signs: its origin, how many entries it has, and their root hash
 * (c2sp.org/tlog-checkpoint). Three lines; extension lines are refused, as nobody could audit them.
 *
 *   note_sign(arena, checkpoint_text(arena, &checkpoint), &key)     is the file /checkpoint
 *
 * Threads  any. Errors: none; what is not a checkpoint is false.
 */
#pragma once

#include "common/base/arena.h"
#include "common/crypto/hash.h"

struct checkpoint {
    struct str origin;
    uint64_t size;
    struct hash root;
};

struct str checkpoint_text(struct arena *arena, const struct checkpoint *checkpoint);
/* @text is a verified note's; the origin is borrowed from it. */
bool checkpoint_parse(struct str text, struct checkpoint *ret);
/* A whole note's, signed by whomever: for who reads files of its own or checks the note besides. */
bool checkpoint_read_unsigned(struct str note, struct checkpoint *ret);
