/*
 * telectl - what an operator asks the suite on this machine.
 *
 * A command is a row in main.c: its words, its function, its usage. It prints tables to stdout, and
 * what went wrong to stderr with the cause and the command that mends it.
 *
 * Exit codes  0 all is well, 1 something is not (it was said), 2 called wrongly.
 */
#pragma once

#include <stdbool.h>

enum { WELL = 0, UNWELL = 1, WRONG_CALL = 2 };

struct options {
    const char *run; /* the suite's run folder */
    const char *dir; /* an exported log; NULL: the running suite's own, exported for the occasion */
    const char *vkey; /* NULL: the running suite's */
};

int status_show(const struct options *options);
int audit_verify(const struct options *options);
int policy_matrix(const struct options *options);

/* Prints both lines to stderr; returns UNWELL. */
int trouble(const char *cause, const char *mend, ...) __attribute__((format(printf, 1, 3)));
