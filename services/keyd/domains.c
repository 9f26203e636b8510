#include "common/io/leaf.h"
#include "services/keyd/keyd.h"

#include <stdio.h>

enum whose { OF_PATIENT, OF_ORG, OF_ANYBODY, OF_SHARD, OF_PRODUCER };

#define FIRST_YEAR 2020
#define LAST_YEAR 2099

static const struct domain {
    const char *name;
    enum whose whose;
    const char *may[2]; /* by enum use */
    const char *rests;
} domains[] = {
#define DOMAIN(name, whose, seal, open, rests) {name, whose, {seal, open}, rests},
#include "services/keyd/domains.def"
#undef DOMAIN
};

static const struct domain *domain_find(struct str name)
{
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        if (str_is(name, domains[i].name)) return &domains[i];
    }
    return NULL;
}

bool domain_known(const char *domain)
{
    return domain_find(str_of(domain)) != NULL;
}

static bool is_half_year(struct uuid id)
{
    for (int half = 0; half < 2 * (LAST_YEAR - FIRST_YEAR + 1); half++) {
        char shard[LEAF_SHARD_MAX];

        snprintf(shard, sizeof shard, "%uh%u", (unsigned)(FIRST_YEAR + half / 2) % 10000,
                 (unsigned)half % 2 + 1);
        if (uuid_equal(id, leaf_shard_id(str_of(shard)))) return true;
    }
    return false;
}

struct strs domains_renewable(struct arena *arena)
{
    const size_t count = sizeof domains / sizeof *domains;
    struct str *names = ARENA_ARRAY(arena, struct str, count);
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (*domains[i].rests) names[n++] = str_of(domains[i].name);
    }
    return (struct strs){names, n};
}

struct str domain_rests(struct str domain)
{
    const struct domain *row = domain_find(domain);

    return str_of(row ? row->rests : "");
}

bool domain_rests_with(struct str domain, const char *service)
{
    const struct domain *row = domain_find(domain);

    return row && service && topic_names(row->rests, service);
}

static bool is_theirs(const struct domain *domain, const char *service, struct uuid patient)
{
    switch (domain->whose) {
    case OF_PATIENT:
        return !uuid_is_nil(patient);
    case OF_ORG:
        return uuid_is_nil(patient);
    case OF_ANYBODY:
        return true;
    case OF_SHARD:
        return uuid_is_nil(patient) || is_half_year(patient);
    case OF_PRODUCER:
        return strcmp(service, "audit") == 0 ||
               uuid_equal(patient, leaf_producer_id(str_of(service)));
    }
    return false;
}

err_t domain_may(const char *service, enum use use, struct str domain, struct uuid patient)
{
    const struct domain *row = domain_find(domain);

    if (!row || !service || !topic_names(row->may[use], service)) return ERR_FORBIDDEN;
    return is_theirs(row, service, patient) ? ERR_OK : ERR_FORBIDDEN;
}
