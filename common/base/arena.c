#include "common/base/arena.h"
#include "common/base/sanitizer.h"
#include "common/base/secret.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Under AddressSanitizer what is not handed out is poisoned and allocations lie apart. */
#if SANITIZES_ADDRESSES
#include <sanitizer/asan_interface.h>
#define GAP_BYTES 16
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define GAP_BYTES 0
#endif

#define ALIGNMENT alignof(max_align_t)
#define FIRST_BYTES ((size_t)8 * 1024)
#define BLOCK_BYTES ((size_t)64 * 1024)

/* Bytes from @used on are always zero. */
struct block {
    struct block *older;
    size_t size, used;
    alignas(max_align_t) uint8_t data[];
};

struct arena {
    size_t bytes_max, used, keeps;
    struct block *newest; /* the oldest is the first block, which stays */
    struct block *spare;  /* wiped; they stay, too */
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "arena: %s\n", what);
    abort();
}

static struct block *block_new(size_t size, struct block *older)
{
    struct block *block = calloc(1, sizeof *block + size);

    if (!block) die("out of memory");
    block->older = older;
    block->size = size;
    ASAN_POISON_MEMORY_REGION(block->data, size);
    return block;
}

static void block_wipe(struct block *block)
{
    ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
    secret_wipe(block->data, block->used);
    block->used = 0;
    ASAN_POISON_MEMORY_REGION(block->data, block->size);
}

static void block_free(struct block *block)
{
    ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
    free(block);
}

/* One that is there and has room; its bytes are zero, as those of a new one. */
static struct block *block_again(struct arena *arena, size_t size)
{
    for (struct block **at = &arena->spare; *at; at = &(*at)->older) {
        struct block *const block = *at;

        if (block->size < size) continue;
        *at = block->older;
        block->older = arena->newest;
        return block;
    }
    return block_new(size > BLOCK_BYTES ? size : BLOCK_BYTES, arena->newest);
}

struct arena *arena_new(size_t bytes_max)
{
    struct arena *arena = calloc(1, sizeof *arena);

    if (!arena) die("out of memory");
    arena->bytes_max = bytes_max;
    arena->newest = block_new(FIRST_BYTES, NULL);
    return arena;
}

struct arena *arena_free(struct arena *arena)
{
    if (!arena) return NULL;
    arena_keeps(arena, 0);
    arena_reset(arena);
    block_free(arena->newest);
    free(arena);
    return NULL;
}

void arena_keeps(struct arena *arena, size_t bytes)
{
    arena->keeps = bytes;
}

void arena_reset(struct arena *arena)
{
    struct block *emptied = arena->spare, *next;
    size_t kept = 0;

    for (; arena->newest->older; arena->newest = next) {
        next = arena->newest->older;
        block_wipe(arena->newest);
        arena->newest->older = emptied;
        emptied = arena->newest;
    }
    block_wipe(arena->newest);
    arena->used = 0;
    arena->spare = NULL;
    for (struct block *block = emptied; block; block = next) {
        next = block->older;
        if (kept + block->size > arena->keeps) {
            block_free(block);
            continue;
        }
        kept += block->size;
        block->older = arena->spare;
        arena->spare = block;
    }
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}

void *arena_try(struct arena *arena, size_t bytes)
{
    struct block *block = arena->newest;
    size_t taken;
    void *p;

    if (bytes > arena->bytes_max) return NULL;
    bytes = bytes ? bytes : 1;
    taken = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (taken > arena->bytes_max - arena->used) return NULL;
    arena->used += taken;

    taken += GAP_BYTES;
    if (taken > block->size - block->used) {
        block = block_again(arena, taken);
        arena->newest = block;
    }
    p = block->data + block->used;
    block->used += taken;
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    return p;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    void *p = arena_try(arena, bytes);

    if (!p) die("limit passed");
    return p;
}

void *arena_copy(struct arena *arena, const void *from, size_t bytes)
{
    void *to = arena_alloc(arena, bytes);

    if (bytes) memcpy(to, from, bytes);
    return to;
}

char *arena_cstr(struct arena *arena, struct str text)
{
    char *to = arena_alloc(arena, text.n + 1);

    if (text.n) memcpy(to, text.p, text.n);
    return to;
}

struct str arena_str(struct arena *arena, struct str text)
{
    return text.p ? (struct str){arena_copy(arena, text.p, text.n), text.n} : STR_NONE;
}

struct bytes arena_bytes(struct arena *arena, struct bytes from)
{
    return from.p ? (struct bytes){arena_copy(arena, from.p, from.n), from.n} : BYTES_NONE;
}

struct str arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args, again;
    char *to;
    int n;

    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) die("bad format");
    to = arena_alloc(arena, (size_t)n + 1);
    vsnprintf(to, (size_t)n + 1, fmt, again);
    va_end(again);
    return (struct str){to, (size_t)n};
}
