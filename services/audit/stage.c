#include "services/audit/stage.h"

#include "common/crypto/hash.h"

#include <assert.h>

#define MAGIC "telecura stage 1\n"
#define MAGIC_BYTES (sizeof MAGIC - 1)

void stage_add(struct stage *stage, struct str name, struct bytes bytes)
{
    assert(stage->count < STAGE_FILES_MAX && name.n <= UINT8_MAX && bytes.n <= UINT32_MAX);
    stage->files[stage->count++] = (struct stage_file){name, bytes};
}

static uint8_t *put_number(uint8_t *to, uint64_t number, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) to[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
    return to + bytes;
}

static uint8_t *put(uint8_t *to, const void *from, size_t n)
{
    if (n) memcpy(to, from, n);
    return to + n;
}

struct bytes stage_pack(struct arena *arena, const struct stage *stage)
{
    size_t n = MAGIC_BYTES + 8 + 4 + HASH_BYTES;

    for (size_t i = 0; i < stage->count; i++)
        n += 1 + stage->files[i].name.n + 4 + stage->files[i].bytes.n;

    uint8_t *const all = arena_alloc(arena, n);
    uint8_t *to = put(all, MAGIC, MAGIC_BYTES);
    to = put_number(to, stage->old_size, 8);
    to = put_number(to, stage->count, 4);
    for (size_t i = 0; i < stage->count; i++) {
        const struct stage_file *file = &stage->files[i];

        to = put_number(to, file->name.n, 1);
        to = put(to, file->name.p, file->name.n);
        to = put_number(to, file->bytes.n, 4);
        to = put(to, file->bytes.p, file->bytes.n);
    }
    const struct hash hash = hash_sha256(bytes_of(all, (size_t)(to - all)));
    put(to, hash.b, HASH_BYTES);
    return bytes_of(all, n);
}

static bool take(struct bytes *from, size_t n, struct bytes *ret)
{
    if (from->n < n) return false;
    *ret = bytes_of(from->p, n);
    *from = bytes_of(from->p + n, from->n - n);
    return true;
}

static bool take_number(struct bytes *from, unsigned n, uint64_t *ret)
{
    struct bytes digits;

    if (!take(from, n, &digits)) return false;
    *ret = 0;
    for (unsigned i = 0; i < n; i++) *ret = *ret << 8 | digits.p[i];
    return true;
}

static bool take_file(struct bytes *from, struct stage_file *ret)
{
    struct bytes name;
    uint64_t n;

    if (!take_number(from, 1, &n) || !take(from, n, &name)) return false;
    ret->name = (struct str){(const char *)name.p, name.n};
    return take_number(from, 4, &n) && take(from, n, &ret->bytes);
}

bool stage_parse(struct bytes from, struct stage *ret)
{
    struct bytes magic;
    uint64_t count;

    if (from.n < HASH_BYTES) return false;
    from.n -= HASH_BYTES;
    const struct hash hash = hash_sha256(from);
    if (memcmp(hash.b, from.p + from.n, HASH_BYTES) != 0) return false;
    if (!take(&from, MAGIC_BYTES, &magic) || memcmp(magic.p, MAGIC, MAGIC_BYTES) != 0) return false;
    if (!take_number(&from, 8, &ret->old_size) || !take_number(&from, 4, &count)) return false;
    if (count == 0 || count > STAGE_FILES_MAX) return false;
    for (ret->count = 0; ret->count < count; ret->count++) {
        if (!take_file(&from, &ret->files[ret->count])) return false;
    }
    return from.n == 0;
}
