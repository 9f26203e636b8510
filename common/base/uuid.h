/*
 * uuid - RFC 9562 identifiers, 16 bytes in network order.
 *
 * Version 7 carries its millisecond and is used where the time is no secret (visits, events,
 * audit rows). Version 4 tells nothing: patients, channels, calls, files.
 * The nil uuid means "none".
 *
 * Threads  any. Randomness comes from the kernel; its failure aborts.
 */
#pragma once

#include "common/base/str.h"

#define UUID_TEXT 36 /* characters, without NUL */

struct uuid {
    uint8_t b[16];
};

struct uuids {
    const struct uuid *p;
    size_t n;
};

#define UUID_NIL ((struct uuid){{0}})

struct uuid uuid_v4(void);
struct uuid uuid_v7(int64_t now_us); /* monotonic within a process and millisecond */
bool uuid_parse(struct str text, struct uuid *ret_id); /* canonical lower or upper case, 36 chars */
char *uuid_format(struct uuid id, char text[UUID_TEXT + 1]); /* lower case; returns text */
bool uuid_from_bytes(struct bytes from, struct uuid *ret_id); /* false unless 16 bytes */

static inline bool uuid_equal(struct uuid a, struct uuid b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

static inline bool uuid_is_nil(struct uuid id)
{
    return uuid_equal(id, UUID_NIL);
}

/* For log lines: UUID_ARG() lives to the end of the full expression. */
#define UUID_ARG(id) uuid_format((id), (char[UUID_TEXT + 1]){0})
