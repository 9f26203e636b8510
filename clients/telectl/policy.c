/* The tables of common/app/policy.h as every service has them: for people, as JSON for programs. */
#include "clients/telectl/policy.h"

#include <stdio.h>

static const struct {
    unsigned reach;
    const char *word;
} reaches[] = {{NO, "-"},      {OWN, "own"},   {PRX, "proxy"},    {GST, "guest"}, {CARE, "care"},
               {SITE, "site"}, {ANY, "any"},   {MINE, "mine"},    {ASK, "asked"},
               {BTG, "glass"}, {URG, "care+glass"}};

const char *reach_word(unsigned reach)
{
    for (size_t i = 0; i < sizeof reaches / sizeof *reaches; i++)
        if (reaches[i].reach == reach) return reaches[i].word;
    return "?";
}

bool reach_parse(struct str word, unsigned *ret_reach)
{
    for (size_t i = 0; i < sizeof reaches / sizeof *reaches; i++) {
        if (!str_is(word, reaches[i].word)) continue;

        *ret_reach = reaches[i].reach;
        return true;
    }
    return false;
}

/* ---- for people ---- */

static void heading(const char *table, const char *last)
{
    printf("%-20s", table);
    for (enum role role = 0; role < ROLES; role++) printf("%-12s", role_word(role));
    puts(last);
}

static void permissions_show(void)
{
    heading("action", "factor  purpose    consent");
    for (enum permission at = PASS_ON + 1; at < PERMISSIONS; at++) {
        const struct permission_info *const info = permission_info(at);

        printf("%-20s", info->name);
        for (enum role role = 0; role < ROLES; role++)
            printf("%-12s", reach_word(info->reach[role]));
        printf("%-7s %-10s %s\n", info->factor == FRESH ? "second" : "-",
               info->purpose ? purpose_code(info->purpose) : "by_role",
               info->consent ? consent_word(info->consent) : "-");
    }
    printf("%-20s", "purpose of a role");
    for (enum role role = 0; role < ROLES; role++)
        printf("%-12s", purpose_code(policy_purpose(role, READ_SELF)));
    putchar('\n');
}

static void labels_show(void)
{
    putchar('\n');
    heading("label narrows to", "consent");
    for (enum label label = 0; label < LABELS; label++) {
        const struct label_info *const info = label_info(label);

        printf("%-20s", info->code);
        for (enum role role = 0; role < ROLES; role++)
            printf("%-12s", reach_word(info->reach[role]));
        puts(info->consent ? consent_word(info->consent) : "-");
    }
}

static void fields_show(void)
{
    putchar('\n');
    heading("fields shown", "");
    for (enum field_set set = 0; set < FIELD_SETS; set++) {
        printf("%-20s", field_set_word(set));
        for (enum role role = 0; role < ROLES; role++)
            printf("%-12s", field_set_shown(set, role) ? "yes" : "-");
        putchar('\n');
    }
}

static const char *const ends[] = {
    [END_STAYS] = "-", [END_DATED] = "at its date", [END_MINUTES] = "after minutes",
    [END_MAJORITY] = "patient of age", [END_VISIT] = "with the visit",
    [END_AFTER] = "after the visit"};

static void relations_show(void)
{
    printf("\n%-20s%-12s%-18s%-18s%-9s%s\n", "relation", "opens", "serves", "ends",
           "at most", "proof");
    for (enum relation_kind kind = 0; kind < RELATIONS; kind++) {
        const struct relation_info *const info = relation_info(kind);

        printf("%-20s%-12s%-18s%-18s%-9d%s\n", info->word, reach_word(info->reach), info->serves,
               ends[info->end], info->at_most, info->proofs);
    }
}

static const char *parts_of(enum consent consent)
{
    return consent_is_parted(consent) ? "recipient purpose" : "-";
}

static const char *left_of(enum consent consent)
{
    return *consent_left(consent) ? consent_left(consent) : "-";
}

static void consents_show(void)
{
    printf("\n%-20s%-20s%s\n", "consent", "may be for one", "left of a visit without it");
    for (enum consent consent = CONSENT_NONE + 1; consent < CONSENTS; consent++)
        printf("%-20s%-20s%s\n", consent_word(consent), parts_of(consent), left_of(consent));
}

/* ---- for programs ---- */

static struct cell cell(const char *table, const char *row, const char *column, const char *says)
{
    return (struct cell){str_of(table), str_of(row), str_of(column), str_of(says)};
}

static void permission_cells(const struct permission_info *info, cell_seen *seen, void *user)
{
    struct cell c;

    for (enum role role = 0; role < ROLES; role++) {
        c = cell("action", info->name, role_word(role), reach_word(info->reach[role]));
        seen(&c, user);
    }
    c = cell("action", info->name, "factor", info->factor == FRESH ? "second" : "-");
    seen(&c, user);
    c = cell("action", info->name, "purpose", info->purpose ? purpose_code(info->purpose) : "-");
    seen(&c, user);
    c = cell("action", info->name, "consent", info->consent ? consent_word(info->consent) : "-");
    seen(&c, user);
}

static void label_cells(const struct label_info *info, cell_seen *seen, void *user)
{
    struct cell c;

    for (enum role role = 0; role < ROLES; role++) {
        c = cell("label", info->code, role_word(role), reach_word(info->reach[role]));
        seen(&c, user);
    }
    c = cell("label", info->code, "consent", info->consent ? consent_word(info->consent) : "-");
    seen(&c, user);
}

static void relation_cells(const struct relation_info *info, cell_seen *seen, void *user)
{
    char at_most[32] = "-";
    struct cell c;

    if (info->at_most)
        snprintf(at_most, sizeof at_most, "%d %s", info->at_most,
                 info->end == END_MINUTES ? "minutes" : "days");
    c = cell("relation", info->word, "opens", reach_word(info->reach));
    seen(&c, user);
    c = cell("relation", info->word, "serves", info->serves);
    seen(&c, user);
    c = cell("relation", info->word, "proof", info->proofs);
    seen(&c, user);
    c = cell("relation", info->word, "ends", ends[info->end]);
    seen(&c, user);
    c = cell("relation", info->word, "at most", at_most);
    seen(&c, user);
}

void policy_cells(cell_seen *seen, void *user)
{
    struct cell c;

    for (enum permission at = PASS_ON + 1; at < PERMISSIONS; at++)
        permission_cells(permission_info(at), seen, user);
    for (enum label label = 0; label < LABELS; label++) label_cells(label_info(label), seen, user);
    for (enum field_set set = 0; set < FIELD_SETS; set++) {
        for (enum role role = 0; role < ROLES; role++) {
            c = cell("fields", field_set_word(set), role_word(role),
                     field_set_shown(set, role) ? "shown" : "-");
            seen(&c, user);
        }
    }
    for (enum relation_kind kind = 0; kind < RELATIONS; kind++)
        relation_cells(relation_info(kind), seen, user);
    for (enum consent consent = CONSENT_NONE + 1; consent < CONSENTS; consent++) {
        c = cell("consent", consent_word(consent), "parts", parts_of(consent));
        seen(&c, user);
        c = cell("consent", consent_word(consent), "left", left_of(consent));
        seen(&c, user);
    }
    for (enum role role = 0; role < ROLES; role++) {
        c = cell("role", role_word(role), "purpose", purpose_code(policy_purpose(role, READ_SELF)));
        seen(&c, user);
    }
}

/* clang-format off */
const struct shape cell_shape = {"Cell", sizeof(struct cell), (const struct field[]){
    {"table", TEXT, offsetof(struct cell, table), REQUIRED, 1, 16},
    {"row", TEXT, offsetof(struct cell, row), REQUIRED, 1, 64},
    {"column", TEXT, offsetof(struct cell, column), REQUIRED, 1, 64},
    {"says", TEXT, offsetof(struct cell, says), REQUIRED, 1, 256},
    {0},
}};
/* clang-format on */

static void cell_print(const struct cell *c, void *user)
{
    const struct call *const call = user;
    const struct str text = json_encode(call->arena, &cell_shape, c);

    printf(STR_FMT "\n", STR_ARG(text));
}

int policy_matrix(const struct call *call)
{
    if (call->with[WITH_JSON]) {
        policy_cells(cell_print, (void *)(uintptr_t)call);
        return WELL;
    }
    permissions_show();
    labels_show();
    fields_show();
    relations_show();
    consents_show();
    return WELL;
}
