#include "services/audit/note.h"

#include "common/crypto/hash.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define TIME_BYTES 8

static uint32_t read_id(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool name_is_sound(struct str name)
{
    if (name.n == 0 || name.n > NOTE_NAME_MAX) return false;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == '+') return false;
    }
    return true;
}

void note_key_encode(const struct note_key *key, uint8_t ret[NOTE_KEY_BYTES])
{
    ret[0] = key->type;
    sign_key_public(key->key, ret + 1);
}

static struct note_key key_of(struct str name, struct sign_key *signing, uint8_t type)
{
    struct note_key key = {name, 0, signing, type};
    uint8_t encoded[NOTE_KEY_BYTES];

    assert(name_is_sound(name));
    note_key_encode(&key, encoded);
    const struct hash hash =
        hash_sha256_3(str_bytes(name), bytes_of("\n", 1), bytes_of(encoded, sizeof(encoded)));
    key.id = read_id(hash.b);
    return key;
}

struct note_key note_key(struct str name, struct sign_key *key)
{
    return key_of(name, key, NOTE_ED25519);
}

bool note_key_parse(struct str vkey, struct note_key *ret)
{
    uint8_t encoded[NOTE_KEY_BYTES + 1], id[NOTE_ID_BYTES];
    struct str name, hash;
    size_t n = 0;

    if (!str_cut(&vkey, '+', &name) || !str_cut(&vkey, '+', &hash)) return false;
    if (!name_is_sound(name) || hash.n != 2 * NOTE_ID_BYTES || !hex_decode(hash, id)) return false;
    if (vkey.n != BASE64_LEN(NOTE_KEY_BYTES) || !base64_decode(vkey, encoded, &n)) return false;
    if (n != NOTE_KEY_BYTES || (encoded[0] != NOTE_ED25519 && encoded[0] != NOTE_COSIGNATURE))
        return false;
    struct note_key key = key_of(name, sign_key_new_public(encoded + 1), encoded[0]);
    if (key.id != read_id(id)) {
        sign_key_free(key.key);
        return false;
    }
    *ret = key;
    return true;
}

static bool is_plain(struct str note)
{
    if (note.n == 0 || note.n > NOTE_BYTES_MAX || !str_is_utf8(note)) return false;
    for (size_t i = 0; i < note.n; i++) {
        if ((unsigned char)note.p[i] < ' ' && note.p[i] != '\n') return false;
    }
    return note.p[note.n - 1] == '\n';
}

/* Cuts the signature lines off: what follows the last empty line. */
static bool split(struct str note, struct str *ret_text, struct str *ret_lines)
{
    for (size_t i = note.n - 1; i > 0; i--) {
        if (note.p[i] != '\n' || note.p[i - 1] != '\n') continue;
        *ret_text = (struct str){note.p, i};
        *ret_lines = (struct str){note.p + i + 1, note.n - i - 1};
        return ret_lines->n > 0;
    }
    return false;
}

static const struct note_key *find(const struct note_key *keys, size_t count, struct str name,
                                   uint32_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (keys[i].id == id && str_equal(keys[i].name, name)) return &keys[i];
    }
    return NULL;
}

/* By a witness: when, and a signature of that time with the text (c2sp.org/tlog-cosignature). */
static bool cosigned(const struct note_key *key, struct str text, struct bytes made)
{
    char message[64 + NOTE_BYTES_MAX];
    uint64_t time = 0;

    if (made.n != TIME_BYTES + SIGN_BYTES) return false;
    for (int i = 0; i < TIME_BYTES; i++) time = time << 8 | made.p[i];
    const int n = snprintf(message, sizeof(message), "cosignature/v1\ntime %" PRIu64 "\n" STR_FMT,
                           time, STR_ARG(text));
    return sign_verify(key->key, bytes_of(message, (size_t)n),
                       bytes_of(made.p + TIME_BYTES, SIGN_BYTES));
}

/* One signature line without its newline. */
static bool check_line(struct str line, const struct note_key *keys, size_t count, struct note *ret)
{
    uint8_t signature[NOTE_BYTES_MAX / 4 * 3];
    size_t n = 0;

    if (!str_starts(line, NOTE_DASH)) return false;
    struct str rest = {line.p + strlen(NOTE_DASH), line.n - strlen(NOTE_DASH)}, name;
    if (!str_cut(&rest, ' ', &name) || !name_is_sound(name) || rest.n == 0) return false;
    if (!base64_decode(rest, signature, &n) || n <= NOTE_ID_BYTES) return false;
    const struct note_key *key = find(keys, count, name, read_id(signature));
    if (!key) {
        ret->unknown++;
        return true;
    }
    ret->verified++;
    const struct bytes made = bytes_of(signature + NOTE_ID_BYTES, n - NOTE_ID_BYTES);
    return key->type == NOTE_COSIGNATURE ? cosigned(key, ret->text, made)
                                         : sign_verify(key->key, str_bytes(ret->text), made);
}

err_t note_open(struct str note, const struct note_key *keys, size_t count, struct note *ret)
{
    struct note opened = {0};
    struct str lines, line;

    if (!is_plain(note) || !split(note, &opened.text, &lines)) return ERR_CORRUPT;
    while (lines.n) {
        if (!str_cut(&lines, '\n', &line) || !check_line(line, keys, count, &opened))
            return ERR_CORRUPT;
    }
    if (opened.verified == 0) return ERR_CORRUPT;
    *ret = opened;
    return ERR_OK;
}
