#include "services/audit/shard.h"

#define LEAF_LINK 3
#define ZEROS 48 /* where other leaves have a key and a commitment to it */

bool shard_is_name(struct str name)
{
    if (name.n != 6 || name.p[4] != 'h' || (name.p[5] != '1' && name.p[5] != '2')) return false;
    for (int i = 0; i < 4; i++) {
        if (name.p[i] < '0' || name.p[i] > '9') return false;
    }
    return true;
}

struct str shard_of_origin(struct str origin)
{
    const char *const slash = origin.n ? memrchr(origin.p, '/', origin.n) : NULL;

    if (!slash) return STR_NONE;
    const struct str name = {slash + 1, (size_t)(origin.p + origin.n - slash) - 1};
    return shard_is_name(name) ? name : STR_NONE;
}

bool shard_same_log(struct str a, struct str b)
{
    return a.n == b.n && shard_of_origin(a).n && shard_of_origin(b).n &&
           memcmp(a.p, b.p, a.n - (SHARD_NAME_MAX - 2)) == 0;
}

/* ---- the link: the fields of docs/reference/audit-log.md ---- */

static bool skip(struct bytes *from, size_t n)
{
    if (from->n < n) return false;
    *from = bytes_of(from->p + n, from->n - n);
    return true;
}

/* A text behind its length in one byte. */
static bool skip_text(struct bytes *from)
{
    return from->n > 0 && skip(from, 1 + (size_t)from->p[0]);
}

bool shard_link_parse(struct bytes leaf, struct str *ret_note)
{
    static const uint8_t zeros[ZEROS];
    struct bytes rest = leaf;

    if (!skip(&rest, 1) || leaf.p[0] != 1 || !skip_text(&rest) || !skip_text(&rest) ||
        rest.n < 8 + 8 + 1 + ZEROS + 2 || rest.p[16] != LEAF_LINK ||
        memcmp(rest.p + 17, zeros, ZEROS) != 0)
        return false;
    rest = bytes_of(rest.p + 17 + ZEROS, rest.n - 17 - ZEROS);
    const size_t n = (size_t)rest.p[0] << 8 | rest.p[1];
    if (rest.n - 2 != n) return false;
    *ret_note = (struct str){(const char *)rest.p + 2, n};
    return true;
}
