/* Whatever bytes come as a signed note, a checkpoint or a verifying key: no harm is done, nothing
 * is taken that we have not signed, and a checkpoint has one spelling. */
#include "services/audit/checkpoint.h"
#include "services/audit/note.h"

#include <stdlib.h>
#include <strings.h>

#define TEXT_BYTES_MAX (NOTE_BYTES_MAX / 2)

static struct note_key keys[2]; /* a log's and a witness's; fresh, so that no input is signed */

static void keys_make(void)
{
    keys[0] = note_key(STR("audit.example/2026h2"), sign_key_new_ed25519());
    keys[1] = note_key(STR("witness.example"), sign_key_new_ed25519());
    keys[1].type = NOTE_COSIGNATURE;
}

/* What we sign opens to what it was, whatever lines of others stand below, and not when a bit of it
 * is another. */
static void sign_and_open(struct arena *arena, struct str text, struct str below)
{
    const struct str note = note_sign(arena, text, &keys[0]);
    struct note opened;

    if (note_open(note, keys, 2, &opened) != ERR_OK) return; /* a text that no note may have */
    if (!str_equal(opened.text, text) || opened.verified != 1 || opened.unknown) abort();
    const struct str more = arena_printf(arena, STR_FMT STR_FMT, STR_ARG(note), STR_ARG(below));
    if (note_open(more, keys, 2, &opened) == ERR_OK &&
        (!str_equal(opened.text, text) || opened.verified != 1))
        abort();
    char *const other = arena_cstr(arena, note);
    other[text.n / 2] ^= 1;
    if (note_open((struct str){other, note.n}, keys, 2, &opened) == ERR_OK) abort();
}

/* What is taken as a key is the same when it is written: only its hash may be in either case. */
static void key_read(struct arena *arena, struct str vkey)
{
    struct note_key key;

    if (!note_key_parse(vkey, &key)) return;
    const struct str again = note_vkey(arena, &key);
    if (again.n != vkey.n || strncasecmp(again.p, vkey.p, vkey.n) != 0) abort();
    sign_key_free(key.key);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
    static struct arena *arena;
    const struct str text = {(const char *)input, n};
    struct checkpoint checkpoint;
    struct note note;

    if (!arena) {
        arena = arena_new(1 << 20);
        keys_make();
    }
    if (note_open(text, keys, 2, &note) == ERR_OK) abort();
    key_read(arena, text);
    checkpoint_read_unsigned(text, &checkpoint);
    if (str_is_utf8(text) && checkpoint_parse(text, &checkpoint) &&
        !str_equal(checkpoint_text(arena, &checkpoint), text))
        abort();
    if (n && n < TEXT_BYTES_MAX && text.p[n - 1] == '\n') sign_and_open(arena, text, text);
    if (n && n < TEXT_BYTES_MAX) sign_and_open(arena, STR("a text\n"), text);
    arena_reset(arena);
    return 0;
}
