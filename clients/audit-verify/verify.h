/* verify - the two things that audit-verify checks: a log (main.c) and one entry (proof.c). */
#pragma once

#include "services/audit/note.h"

/* Prints what is sound, or what is wrong; the exit code. */
int proof_verify(const char *path, const struct note_key *key);
