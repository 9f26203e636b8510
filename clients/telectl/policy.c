/* The grid of permissions.def, as it was compiled into every service. */
#include "clients/telectl/telectl.h"
#include "common/app/auth.h"

#include <stdio.h>

static const char *word_of(uint8_t reach)
{
    static const struct {
        uint8_t reach;
        const char *word;
    } words[] = {{NO, "-"},      {OWN, "own"},   {PRX, "proxy"},
                 {CARE, "care"}, {SITE, "site"}, {ANY, "any"}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (words[i].reach == reach) return words[i].word;
    }
    return "?";
}

int policy_matrix(const struct call *call)
{
    (void)call;
    printf("%-20s", "");
    for (enum role role = 0; role < ROLES; role++) printf("%-12s", role_word(role));
    puts("factor");
    for (enum permission permission = PASS_ON + 1; permission < PERMISSIONS; permission++) {
        const struct permission_info *info = permission_info(permission);

        printf("%-20s", info->name);
        for (enum role role = 0; role < ROLES; role++) printf("%-12s", word_of(info->reach[role]));
        puts(info->factor == FRESH ? "second" : "");
    }
    return WELL;
}
