#include "services/audit/tiles.h"

#include <assert.h>
#include <stdio.h>

unsigned tiles_width(uint64_t size, unsigned level, uint64_t n)
{
    const unsigned shift = level == TILES_ENTRIES ? 0 : 8 * level;
    const uint64_t hashes = shift < 64 ? size >> shift : 0;

    if (n > hashes / TILES_WIDTH) return 0;
    return n < hashes / TILES_WIDTH ? TILES_WIDTH : (unsigned)(hashes % TILES_WIDTH);
}

size_t tiles_path(struct tile tile, char ret_path[TILES_PATH_MAX])
{
    char groups[7 * 5 + 1] = ""; /* 2^64 has seven groups of three digits */
    size_t at = sizeof(groups) - 1;
    const char *mark = "";
    uint64_t rest = tile.n;

    assert(tile.level <= TILES_ENTRIES && tile.width >= 1 && tile.width <= TILES_WIDTH);
    do {
        char group[6];
        const int n = snprintf(group, sizeof(group), "/%s%03u", mark, (unsigned)(rest % 1000));
        at -= (size_t)n;
        memcpy(groups + at, group, (size_t)n);
        rest /= 1000;
        mark = "x";
    } while (rest);

    char level[sizeof("entries")] = "entries", part[sizeof(".p/255")] = "";
    if (tile.level != TILES_ENTRIES) snprintf(level, sizeof(level), "%u", tile.level);
    if (tile.width < TILES_WIDTH) snprintf(part, sizeof(part), ".p/%u", tile.width);
    const int n = snprintf(ret_path, TILES_PATH_MAX, "tile/%s%s%s", level, groups + at, part);
    assert(n < TILES_PATH_MAX);
    return (size_t)n;
}

/* The digits at @at, and @at after them; 0 if there are none. Leading zeros and overflow are not
 * looked for: tiles_parse() compares with the one right spelling. */
static uint64_t number(const char **at)
{
    uint64_t n = 0;

    for (; **at >= '0' && **at <= '9'; (*at)++) {
        n = n * 10 + (uint64_t)(**at - '0');
    }
    return n;
}

static bool skip(const char **at, const char *word)
{
    const size_t n = strlen(word);

    if (strncmp(*at, word, n) != 0) return false;
    *at += n;
    return true;
}

bool tiles_parse(struct str path, struct tile *ret)
{
    char text[TILES_PATH_MAX] = "", again[TILES_PATH_MAX];
    struct tile tile = {TILES_ENTRIES, 0, TILES_WIDTH};
    const char *at = text;

    if (path.n == 0 || path.n >= sizeof(text)) return false;
    memcpy(text, path.p, path.n);
    if (!skip(&at, "tile/")) return false;
    if (!skip(&at, "entries")) {
        const uint64_t level = number(&at);
        if (level > TILES_LEVEL_MAX) return false;
        tile.level = (unsigned)level;
    }
    while (skip(&at, "/")) {
        (void)skip(&at, "x");
        tile.n = tile.n * 1000 + number(&at);
    }
    if (skip(&at, ".p/")) {
        const uint64_t width = number(&at);
        if (width == 0 || width >= TILES_WIDTH) return false;
        tile.width = (unsigned)width;
    }
    const size_t n = tiles_path(tile, again);
    if (!str_equal(path, (struct str){again, n})) return false;
    *ret = tile;
    return true;
}

bool tiles_entry_next(struct bytes *bundle, struct bytes *ret_entry)
{
    if (bundle->n < 2) return false;
    const size_t n = (size_t)bundle->p[0] << 8 | bundle->p[1];
    if (bundle->n - 2 < n) return false;
    *ret_entry = bytes_of(bundle->p + 2, n);
    *bundle = bytes_of(bundle->p + 2 + n, bundle->n - 2 - n);
    return true;
}
