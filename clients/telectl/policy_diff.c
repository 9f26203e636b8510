/* What a change of the tables opens and closes, against a print of them from before. */
#include "clients/telectl/policy.h"

#include <errno.h>
#include <stdio.h>

#define LINE_BYTES_MAX 1024
#define CELLS_MAX 4096

struct diff {
    struct cell *old;
    bool seen[CELLS_MAX];
    size_t count;
    unsigned differences;
};

/* How wide a cell is open: the wider says more. */
static int width_of(struct str says)
{
    static const char *const narrow_to_wide[] = {"-",     "own",  "proxy", "guest", "mine",
                                                 "asked", "care", "site",  "any",   "shown"};

    for (int i = 0; i < (int)(sizeof narrow_to_wide / sizeof *narrow_to_wide); i++)
        if (str_is(says, narrow_to_wide[i])) return i;
    return -1;
}

/* One condition more is a door less. */
static const char *direction(struct str column, struct str was, struct str is)
{
    const int before = width_of(was), now = width_of(is);

    if (str_is(column, "factor") || str_is(column, "consent")) {
        if (str_is(was, "-")) return "closes";
        return str_is(is, "-") ? "opens" : "changes";
    }
    if (before < 0 || now < 0) return "changes";
    return now > before ? "opens" : "closes";
}

static void difference_print(struct diff *diff, const struct cell *cell, struct str was,
                             struct str is)
{
    printf("%-8s " STR_FMT " " STR_FMT ", " STR_FMT ": " STR_FMT " -> " STR_FMT "\n",
           direction(cell->column, was, is), STR_ARG(cell->table), STR_ARG(cell->row),
           STR_ARG(cell->column), STR_ARG(was), STR_ARG(is));
    diff->differences++;
}

static bool is_same(const struct cell *a, const struct cell *b)
{
    return str_equal(a->table, b->table) && str_equal(a->row, b->row) &&
           str_equal(a->column, b->column);
}

/* A cell of today; one that was not there before was closed. */
static void compare(const struct cell *cell, void *user)
{
    struct diff *const diff = user;
    struct str was = STR("-");

    for (size_t i = 0; i < diff->count; i++) {
        if (diff->seen[i] || !is_same(cell, &diff->old[i])) continue;
        diff->seen[i] = true;
        was = diff->old[i].says;
    }
    if (!str_equal(was, cell->says)) difference_print(diff, cell, was, cell->says);
}

static int old_read(const struct call *call, struct diff *diff)
{
    FILE *const file = fopen(call->operand, "re");
    char line[LINE_BYTES_MAX];
    bool readable = true;

    if (!file) return trouble("cannot read %s: %s", "ls -l", call->operand, strerror(errno));
    while (readable && diff->count < CELLS_MAX && fgets(line, sizeof line, file))
        readable = json_decode(&cell_shape, str_bytes(str_of(line)), call->arena,
                               &diff->old[diff->count++], NULL) == ERR_OK;
    readable = readable && feof(file);
    fclose(file);
    return readable ? WELL
                    : trouble("%s is no print of the tables", "telectl policy matrix --json > FILE",
                              call->operand);
}

int policy_diff(const struct call *call)
{
    struct diff diff = {.old = ARENA_ARRAY(call->arena, struct cell, CELLS_MAX)};

    if (old_read(call, &diff) != WELL) return UNWELL;
    policy_cells(compare, &diff);
    for (size_t i = 0; i < diff.count; i++) {
        const struct cell *const gone = &diff.old[i];

        if (!diff.seen[i] && !str_is(gone->says, "-"))
            difference_print(&diff, gone, gone->says, STR("-"));
    }
    return diff.differences ? UNWELL : WELL;
}
