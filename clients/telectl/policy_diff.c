/* What a change of the tables opens and closes, against a print of them from before. */
#include "clients/telectl/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES_MAX 1024
#define CELLS_MAX 4096

struct diff {
    struct cell *old;
    bool seen[CELLS_MAX];
    size_t count;
    unsigned differences;
};

/* ---- does what @wide says let through all that @narrow does? ---- */

typedef bool includes(struct str wide, struct str narrow);

/* Whom a cell reaches, as a set of which the organisation's patients are one part. */
static unsigned whom(unsigned reach)
{
    if (reach == ANY) return ~0u;
    return reach & SITE ? SITE | CARE | BTG | GST | PRX | OWN : reach & ~(unsigned)ANY;
}

static bool reach_includes(struct str wide, struct str narrow)
{
    unsigned more, less;

    return reach_parse(wide, &more) && reach_parse(narrow, &less) && !(whom(less) & ~whom(more));
}

static bool shown_includes(struct str wide, struct str narrow)
{
    return str_is(wide, "shown") || !str_is(narrow, "shown");
}

static bool words_include(struct str wide, struct str narrow)
{
    struct str word, other;

    while (str_next(&narrow, ' ', &word)) {
        struct str rest = wide;
        bool found = false;

        while (!found && str_next(&rest, ' ', &other)) found = str_equal(other, word);
        if (!found) return false;
    }
    return true;
}

/* One condition more is a door less; of two neither is the wider. */
static bool condition_includes(struct str wide, struct str narrow)
{
    (void)narrow;
    return str_is(wide, "-");
}

/* "30 minutes", "366 days", "-" for ever; below 0: nothing is said. */
static int64_t minutes_of(struct str text)
{
    struct str number;
    int64_t n;

    if (!str_next(&text, ' ', &number)) return -1;
    if (str_is(number, "-")) return INT64_MAX;
    if (!str_int(number, 0, INT32_MAX, &n)) return -1;
    return str_is(text, "days") ? n * 24 * 60 : n;
}

static bool limit_includes(struct str wide, struct str narrow)
{
    return minutes_of(narrow) >= 0 && minutes_of(wide) >= minutes_of(narrow);
}

/* The first that fits; no column: every other. @absent holds for a row that is not there. */
static const struct rule {
    const char *table, *column;
    includes *includes; /* NULL: one cannot say */
    const char *absent;
} rules[] = {
    {"action", "factor", condition_includes, ""},
    {"action", "consent", condition_includes, ""},
    {"action", "purpose", NULL, ""},
    {"action", NULL, reach_includes, "-"},
    {"label", "consent", condition_includes, ""},
    {"label", NULL, reach_includes, "any"},
    {"fields", NULL, shown_includes, "shown"},
    {"relation", "opens", reach_includes, "-"},
    {"relation", "serves", words_include, ""},
    {"relation", "proof", words_include, ""},
    {"relation", "ends", condition_includes, ""},
    {"relation", "at most", limit_includes, ""},
    {NULL, NULL, NULL, ""},
};

static const struct rule *rule_of(const struct cell *cell)
{
    const struct rule *rule = rules;

    while (rule->table && !(str_is(cell->table, rule->table) &&
                            (!rule->column || str_is(cell->column, rule->column))))
        rule++;
    return rule;
}

static const char *direction(const struct rule *rule, struct str was, struct str is)
{
    if (rule->includes && rule->includes(is, was)) return "opens";
    if (rule->includes && rule->includes(was, is)) return "closes";
    return "changes";
}

/* What a row that is not there says of a cell. */
static struct str absent(const struct cell *cell)
{
    const struct str says = str_of(rule_of(cell)->absent);

    return !says.n && str_is(cell->says, "-") ? cell->says : says;
}

static void difference_print(struct diff *diff, const struct cell *cell, struct str was,
                             struct str is)
{
    printf("%-8s " STR_FMT " " STR_FMT ", " STR_FMT ": " STR_FMT " -> " STR_FMT "\n",
           direction(rule_of(cell), was, is), STR_ARG(cell->table), STR_ARG(cell->row),
           STR_ARG(cell->column), STR_ARG(was.n ? was : STR("nothing")),
           STR_ARG(is.n ? is : STR("nothing")));
    diff->differences++;
}

static bool is_same(const struct cell *a, const struct cell *b)
{
    return str_equal(a->table, b->table) && str_equal(a->row, b->row) &&
           str_equal(a->column, b->column);
}

/* A cell of today. */
static void compare(const struct cell *cell, void *user)
{
    struct diff *const diff = user;
    struct str was = absent(cell);

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

        if (!diff.seen[i] && !str_equal(gone->says, absent(gone)))
            difference_print(&diff, gone, gone->says, absent(gone));
    }
    return diff.differences ? UNWELL : WELL;
}
