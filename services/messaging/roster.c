/* What is known of the people who sit in a channel at other replicas. */
#include "services/messaging/messaging.h"

#include <stdlib.h>

struct elsewhere {
    struct elsewhere *next;
    struct uuid person;
    enum sight sight; /* present or unknown: who is gone is not in the list */
};

static struct elsewhere **place_of(struct roster *roster, struct uuid person)
{
    struct elsewhere **at = &roster->first;

    while (*at && !uuid_equal((*at)->person, person)) at = &(*at)->next;
    return at;
}

enum sight roster_sight(const struct roster *roster, struct uuid person)
{
    for (const struct elsewhere *one = roster->first; one; one = one->next) {
        if (uuid_equal(one->person, person)) return one->sight;
    }
    return SIGHT_GONE;
}

/* True when this is news. */
static bool sight_set(struct roster *roster, struct uuid person, enum sight sight)
{
    struct elsewhere **at = place_of(roster, person), *one = *at;

    if ((one ? one->sight : SIGHT_GONE) == sight) return false;

    if (sight == SIGHT_GONE) {
        *at = one->next;
        free(one);
    } else {
        if (!one) {
            *at = one = calloc(1, sizeof *one);
            if (!one) abort();
            one->person = person;
        }
        one->sight = sight;
    }
    return true;
}

static bool is_among(struct uuid person, struct uuids seen)
{
    for (size_t i = 0; i < seen.n; i++) {
        if (uuid_equal(person, seen.p[i])) return true;
    }
    return false;
}

void roster_see(struct roster *roster, struct uuids seen, enum sight others, roster_told *told,
                void *user)
{
    struct elsewhere *next;

    for (size_t i = 0; i < seen.n; i++) {
        if (sight_set(roster, seen.p[i], SIGHT_PRESENT)) told(user, seen.p[i], SIGHT_PRESENT);
    }
    for (struct elsewhere *one = roster->first; one; one = next) {
        const struct uuid person = one->person;

        next = one->next;
        if (!is_among(person, seen) && sight_set(roster, person, others))
            told(user, person, others);
    }
}

void roster_doubt(struct roster *roster, struct uuid person)
{
    sight_set(roster, person, SIGHT_UNKNOWN);
}

void roster_each(const struct roster *roster, roster_told *told, void *user)
{
    for (const struct elsewhere *one = roster->first; one; one = one->next)
        told(user, one->person, one->sight);
}

void roster_free(struct roster *roster)
{
    while (roster->first) sight_set(roster, roster->first->person, SIGHT_GONE);
}
