/* A new link: what only the writer needs of shards. */
#include "services/audit/shard.h"

#define VERSION 1
#define PRODUCER "audit"
#define LEAF_LINK 3
#define ZEROS 48 /* where other leaves have a key and a commitment to it */

static uint8_t *put(uint8_t *to, uint64_t number, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;) *to++ = (uint8_t)(number >> 8 * i);
    return to;
}

static uint8_t *put_text(uint8_t *to, struct str text, unsigned length_bytes)
{
    to = put(to, text.n, length_bytes);
    memcpy(to, text.p, text.n);
    return to + text.n;
}

struct bytes shard_link(struct arena *arena, struct str log, int64_t time_ms, struct str note)
{
    const struct str producer = STR(PRODUCER);
    uint8_t *const all =
        arena_alloc(arena, 1 + 1 + log.n + 1 + producer.n + 8 + 8 + 1 + ZEROS + 2 + note.n);
    uint8_t *to = put(all, VERSION, 1);

    to = put_text(to, log, 1);
    to = put_text(to, producer, 1);
    to = put(to, 0, 8);
    to = put(to, (uint64_t)time_ms, 8);
    to = put(to, LEAF_LINK, 1);
    memset(to, 0, ZEROS);
    to = put_text(to + ZEROS, note, 2);
    return bytes_of(all, (size_t)(to - all));
}
