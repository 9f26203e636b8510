#include "services/audit/checkpoint.h"

#include <inttypes.h>

struct str checkpoint_text(struct arena *arena, const struct checkpoint *checkpoint)
{
    char root[BASE64_LEN(HASH_BYTES)];
    const size_t n = base64_encode(bytes_of(checkpoint->root.b, HASH_BYTES), root);

    return arena_printf(arena, STR_FMT "\n%" PRIu64 "\n%.*s\n", STR_ARG(checkpoint->origin),
                        checkpoint->size, (int)n, root);
}

bool checkpoint_parse(struct str text, struct checkpoint *ret)
{
    struct str origin, size, root;
    uint8_t hash[HASH_BYTES + 1];
    int64_t entries = 0;
    size_t n = 0;

    if (!str_cut(&text, '\n', &origin) || !str_cut(&text, '\n', &size) ||
        !str_cut(&text, '\n', &root))
        return false;
    if (text.n || origin.n == 0 || !str_int(size, 0, INT64_MAX, &entries)) return false;
    if (root.n != BASE64_LEN(HASH_BYTES) || !base64_decode(root, hash, &n) || n != HASH_BYTES) {
        return false;
    }
    *ret = (struct checkpoint){.origin = origin, .size = (uint64_t)entries};
    memcpy(ret->root.b, hash, HASH_BYTES);
    return true;
}

bool checkpoint_read_unsigned(struct str note, struct checkpoint *ret)
{
    const char *const end = note.n ? memmem(note.p, note.n, "\n\n", 2) : NULL;

    return end && checkpoint_parse((struct str){note.p, (size_t)(end - note.p) + 1}, ret);
}
