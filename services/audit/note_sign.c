/* The half of note that only who signs needs: audit-verify is built without it. */
#include "services/audit/note.h"

#include <assert.h>

#define SIGNATURE_BYTES (NOTE_ID_BYTES + SIGN_BYTES)

struct str note_vkey(struct arena *arena, const struct note_key *key)
{
    uint8_t encoded[NOTE_KEY_BYTES];
    char text[BASE64_LEN(NOTE_KEY_BYTES)];

    note_key_encode(key, encoded);
    const size_t n = base64_encode(bytes_of(encoded, sizeof(encoded)), text);
    return arena_printf(arena, STR_FMT "+%08x+%.*s", STR_ARG(key->name), (unsigned)key->id, (int)n,
                        text);
}

struct str note_sign(struct arena *arena, struct str text, const struct note_key *key)
{
    uint8_t signature[SIGNATURE_BYTES];
    char base64[BASE64_LEN(SIGNATURE_BYTES)];

    assert(text.n && text.p[text.n - 1] == '\n' && key->type == NOTE_ED25519);
    for (int i = 0; i < NOTE_ID_BYTES; i++) signature[i] = (uint8_t)(key->id >> (24 - 8 * i));
    sign_make(key->key, str_bytes(text), signature + NOTE_ID_BYTES);
    const size_t n = base64_encode(bytes_of(signature, sizeof(signature)), base64);
    return arena_printf(arena, STR_FMT "\n" NOTE_DASH STR_FMT " %.*s\n", STR_ARG(text),
                        STR_ARG(key->name), (int)n, base64);
}
