/* A set of statements by their addresses: open addressing, at most half full. */
#include "common/io/db_own.h"

#include <stdlib.h>

#define SLOTS_LEAST 64

static const struct stmt **slot_of(const struct prepared *prepared, const struct stmt *stmt)
{
    size_t i = ((uintptr_t)stmt >> 4) * 0x9e3779b97f4a7c15u % prepared->slots_max;

    while (prepared->slots[i] && prepared->slots[i] != stmt) i = (i + 1) % prepared->slots_max;
    return &prepared->slots[i];
}

/* Into @slots_max slots, without @but. */
static void rebuild(struct prepared *prepared, size_t slots_max, const struct stmt *but)
{
    const struct prepared old = *prepared;

    *prepared = (struct prepared){calloc(slots_max, sizeof(struct stmt *)), 0, slots_max};
    if (!prepared->slots) abort();
    for (size_t i = 0; i < old.slots_max; i++) {
        if (!old.slots[i] || old.slots[i] == but) continue;
        *slot_of(prepared, old.slots[i]) = old.slots[i];
        prepared->n++;
    }
    free(old.slots);
}

bool prepared_has(const struct prepared *prepared, const struct stmt *stmt)
{
    return prepared->n > 0 && *slot_of(prepared, stmt) == stmt;
}

void prepared_add(struct prepared *prepared, const struct stmt *stmt)
{
    if (2 * (prepared->n + 1) > prepared->slots_max)
        rebuild(prepared, prepared->slots_max ? 2 * prepared->slots_max : SLOTS_LEAST, NULL);
    *slot_of(prepared, stmt) = stmt;
    prepared->n++;
}

/* Open addressing cannot simply take one out. */
void prepared_remove(struct prepared *prepared, const struct stmt *stmt)
{
    if (prepared_has(prepared, stmt)) rebuild(prepared, prepared->slots_max, stmt);
}

void prepared_clear(struct prepared *prepared)
{
    free(prepared->slots);
    *prepared = (struct prepared){0};
}
