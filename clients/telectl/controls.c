/* The evidence of docs/compliance/controls.def: tools/controls.py runs the tests, here the result
 * is signed as a note (c2sp.org/signed-note), which other people's programs verify. */
#include "clients/telectl/telectl.h"
#include "services/audit/note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_NAME "telecura-controls"
#define PYTHON "/usr/bin/python3"

/* @ret_n: at most @max - 1 bytes; a NUL follows. */
static bool file_read(const char *name, char *to, size_t max, size_t *ret_n)
{
    FILE *const file = fopen(name, "re");

    if (!file) {
        trouble("cannot read %s: %s", "ls -l", name, strerror(errno));
        return false;
    }
    *ret_n = fread(to, 1, max - 1, file);
    to[*ret_n] = '\0';
    fclose(file);
    return true;
}

/* 64 hex digits, for their owner alone. */
static bool key_read(const char *name, struct note_key *ret)
{
    char text[2 * SIGN_ED25519_SEED_BYTES + 2];
    uint8_t seed[SIGN_ED25519_SEED_BYTES];
    struct stat st;
    size_t n;

    if (!file_read(name, text, sizeof text, &n)) return false;
    if (stat(name, &st) != 0 || (st.st_mode & 077)) {
        trouble("others may read %s", "chmod 600", name);
        return false;
    }
    if (n < 2 * sizeof seed || !hex_decode((struct str){text, 2 * sizeof seed}, seed)) {
        trouble("%s is no key", "openssl rand -hex 32 > FILE && chmod 600 FILE", name);
        return false;
    }
    *ret = note_key(STR(KEY_NAME), sign_key_new_seed(seed));
    explicit_bzero(seed, sizeof seed);
    explicit_bzero(text, sizeof text);
    return true;
}

/* Replaces the lines in @name by the note of them. */
static bool file_sign(const struct call *call, const char *name, const struct note_key *key)
{
    char *const text = arena_alloc(call->arena, NOTE_BYTES_MAX);
    size_t n;

    if (!file_read(name, text, NOTE_BYTES_MAX, &n)) return false;
    const struct str note = note_sign(call->arena, (struct str){text, n}, key);
    FILE *const file = fopen(name, "we");
    const bool written = file && fwrite(note.p, 1, note.n, file) == note.n;
    if ((file && fclose(file) != 0) || !written) {
        trouble("cannot write %s: %s", "df", name, strerror(errno));
        return false;
    }
    const struct str vkey = note_vkey(call->arena, key);
    printf("%s: signed; its key is " STR_FMT "\n", name, STR_ARG(vkey));
    return true;
}

int controls_evidence(const struct call *call)
{
    const char *const out = call->with[WITH_OUT], *const sign = call->with[WITH_KEY_FILE];
    char build[4096];
    struct note_key key;

    if (!out || !sign)
        return trouble("the bundle needs a file and a key", "--out FILE --sign FILE");
    const ssize_t n = readlink("/proc/self/exe", build, sizeof build - 1);
    build[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < 2; i++) { /* BUILD/bin/telectl */
        char *const slash = strrchr(build, '/');
        if (slash) *slash = '\0';
    }
    if (!key_read(sign, &key)) return UNWELL;
    const char *const words[] = {"tools/controls.py", "evidence", build, out, NULL};
    const bool is_gone = unlink(out) == 0 || errno == ENOENT; /* a former one proves nothing now */
    const int code = is_gone ? program_run(call->arena, PYTHON, words) : UNWELL;
    const bool is_signed = is_gone && access(out, R_OK) == 0 && file_sign(call, out, &key);
    sign_key_free(key.key);
    if (code == WELL && is_signed) return WELL;
    return trouble("not every control has its evidence (%d)",
                   "in the source tree, after make all tests: read the rows of the bundle", code);
}
