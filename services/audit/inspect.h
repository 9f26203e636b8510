/*
 * inspect - everything that can be wrong with the files of one log, each thing named by its path,
 * and what of it follows from the rest put right.
 *
 * Which of two files that differ is the damaged one is decided from above: by the hash of the next
 * level, in the end by the signed root. What hashes up to it is what was logged. So tiles can be
 * made again from entries and a checkpoint from the head; an entry that is gone is gone, and is
 * only named.
 *
 * Threads  the writer's.
 * Errors   none: what is wrong is counted and said.
 */
#pragma once

#include "services/audit/checkpoint.h"
#include "services/audit/note.h"

struct inspection {
    const char *dir;
    const struct note_key *key;
    struct checkpoint head; /* what the files should be */
    bool repair;
    void (*say)(const char *line); /* NULL: only counts */
    void (*alive)(void);           /* called once a bundle; or NULL */
    uint64_t found, repaired;
    uint64_t entries_bad; /* bundles among what was found */
    bool whole; /* the entries, or at least their hashes, add up to the head's root */
};

/* Entries and tiles of the head's tree. */
void inspect_tree(struct inspection *in);
/* The signed checkpoint; after inspect_tree(). */
void inspect_checkpoint(struct inspection *in);
/* What else lies there: left by a crash, of another tree, or a stranger. */
void inspect_names(struct inspection *in);

void inspect_found(struct inspection *in, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* @err is the repair's: only a success is counted. */
void inspect_repaired(struct inspection *in, const char *path, err_t err, const char *what);
