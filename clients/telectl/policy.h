/*
 * policy - the tables of common/app/policy.h, cell by cell: what `policy matrix` prints and `policy
 * diff` compares.
 *
 * Threads  one.
 */
#pragma once

#include "clients/telectl/telectl.h"
#include "common/app/policy.h"

struct cell {
    struct str table, row, column, says;
};
extern const struct shape cell_shape;

typedef void cell_seen(const struct cell *cell, void *user);
/* Calls @seen for every cell of every table. */
void policy_cells(cell_seen *seen, void *user);

const char *reach_word(unsigned reach);
bool reach_parse(struct str word, unsigned *ret_reach); /* false: there is no such word */
