/* verify - the two things that audit-verify checks: a log (main.c) and one entry (proof.c). */
#pragma once

#include "services/audit/note.h"

/* Prints what is sound, or what is wrong; the exit code. */
int proof_verify(const char *path, const struct note_key *key);
/* The same key under the name of the shard that @note is of, if that is one of the same log. */
struct note_key key_for(struct str note, const struct note_key *key);
