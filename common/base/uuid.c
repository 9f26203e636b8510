#include "common/base/uuid.h"
#include "common/base/secret.h"

#include <pthread.h>

/* Acts of several threads carry times a little apart; a longer step back is a moved clock. */
#define STEP_BACK_MS 10000

/* The last version 7: its millisecond, and the 74 random bits as 12 and 62. */
static struct {
    pthread_mutex_t lock;
    uint64_t ms, high, low;
} last = {.lock = PTHREAD_MUTEX_INITIALIZER};

#define HIGH_MASK ((UINT64_C(1) << 12) - 1)
#define LOW_MASK ((UINT64_C(1) << 62) - 1)

static void put_64(uint8_t *to, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8) to[i] = (uint8_t)value;
}

struct uuid uuid_v4(void)
{
    struct uuid id;

    secret_random(id.b, sizeof id.b);
    id.b[6] = (uint8_t)((id.b[6] & 0x0f) | 0x40);
    id.b[8] = (uint8_t)((id.b[8] & 0x3f) | 0x80);
    return id;
}

/* Another id of the same millisecond: a random distance on, so that it cannot be guessed. */
static void advance(uint64_t distance)
{
    last.low += 1 + (distance & UINT32_MAX);
    if (last.low <= LOW_MASK) return;
    last.low &= LOW_MASK;
    last.high++;
    if (last.high <= HIGH_MASK) return;
    last.high = 0;
    last.ms++;
}

struct uuid uuid_v7(int64_t now_us)
{
    const uint64_t now_ms = (uint64_t)(now_us / 1000);
    uint64_t random[2];
    struct uuid id;

    secret_random(random, sizeof random);
    pthread_mutex_lock(&last.lock);
    if (now_ms > last.ms || now_ms + STEP_BACK_MS < last.ms) {
        last.ms = now_ms;
        last.high = random[0] & HIGH_MASK;
        last.low = random[1] & LOW_MASK;
    } else {
        advance(random[0]);
    }
    put_64(id.b, last.ms << 16 | UINT64_C(7) << 12 | last.high);
    put_64(id.b + 8, UINT64_C(2) << 62 | last.low);
    pthread_mutex_unlock(&last.lock);
    return id;
}

bool uuid_parse(struct str text, struct uuid *ret_id)
{
    char hex[32];
    struct uuid id;
    size_t n = 0;

    if (text.n != UUID_TEXT) return false;
    for (size_t i = 0; i < UUID_TEXT; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash != (text.p[i] == '-')) return false;
        if (!dash) hex[n++] = text.p[i];
    }
    if (!hex_decode((struct str){hex, n}, id.b)) return false;
    *ret_id = id;
    return true;
}

char *uuid_format(struct uuid id, char text[UUID_TEXT + 1])
{
    static const struct {
        uint8_t from, n, at;
    } groups[] = {{0, 4, 0}, {4, 2, 9}, {6, 2, 14}, {8, 2, 19}, {10, 6, 24}};

    memset(text, '-', UUID_TEXT);
    text[UUID_TEXT] = 0;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        hex_encode(bytes_of(id.b + groups[i].from, groups[i].n), text + groups[i].at);
    return text;
}

bool uuid_from_bytes(struct bytes from, struct uuid *ret_id)
{
    if (from.n != sizeof ret_id->b) return false;
    memcpy(ret_id->b, from.p, sizeof ret_id->b);
    return true;
}
