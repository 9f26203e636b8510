/*
 * The key-encryption key rests in a file of one line:
 *
 *     telecura-kek-1 SALT SEALED
 *
 * both base64url; SEALED is the KEK under XAES-256-GCM by Argon2id(passphrase, salt), bound to the
 * word before it. The parameters belong to the word: other ones are another word.
 */
#include "common/base/secret.h"
#include "services/keyd/keyd.h"

#include <argon2.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEK_WORD "telecura-kek-1"
#define KEK_SALT_BYTES 16
#define KEK_SEALED_BYTES (AEAD_KEY_BYTES + AEAD_OVERHEAD_BYTES)
#define KEK_LINE_BYTES 256
/* RFC 9106, second recommended option, on two lanes. */
#define ARGON_PASSES 3
#define ARGON_KIB (64 * 1024)
#define ARGON_LANES 2

static uint8_t *kek; /* in locked memory; NULL until opened */

static err_t passphrase_stretch(const char *passphrase, const uint8_t *salt, uint8_t *ret_key)
{
    const int rc =
        argon2id_hash_raw(ARGON_PASSES, ARGON_KIB, ARGON_LANES, passphrase, strlen(passphrase),
                          salt, KEK_SALT_BYTES, ret_key, AEAD_KEY_BYTES);

    return rc == ARGON2_OK ? ERR_OK
                           : err_raise(ERR_INTERNAL, "argon2: %s", argon2_error_message(rc));
}

/* Two parts after the word; false when the line is anything else. */
static bool line_parse(const char *line, uint8_t *salt, uint8_t *sealed)
{
    char word[32], salt_text[64], sealed_text[160], rest;
    uint8_t part[160];
    size_t n = 0;

    if (sscanf(line, "%31s %63s %159s %c", word, salt_text, sealed_text, &rest) != 3) return false;
    if (strcmp(word, KEK_WORD) != 0) return false;
    if (!base64url_decode(str_of(salt_text), part, &n) || n != KEK_SALT_BYTES) return false;
    memcpy(salt, part, n);
    if (!base64url_decode(str_of(sealed_text), part, &n) || n != KEK_SEALED_BYTES) return false;
    memcpy(sealed, part, n);
    return true;
}

static err_t kek_read(const char *file, FILE *in, const char *passphrase, uint8_t *stretched)
{
    uint8_t salt[KEK_SALT_BYTES], sealed[KEK_SEALED_BYTES];
    char line[KEK_LINE_BYTES] = "";
    const size_t n = fread(line, 1, sizeof line - 1, in);

    line[n] = 0;
    if (!line_parse(line, salt, sealed)) {
        return err_raise(ERR_CORRUPT, "%s is no KEK file: restore it from its backup", file);
    }
    TRY(passphrase_stretch(passphrase, salt, stretched));
    if (aead_open(stretched, str_bytes(STR(KEK_WORD)), bytes_of(sealed, sizeof sealed), kek) !=
        ERR_OK) {
        return err_raise(ERR_CORRUPT,
                         "%s does not open: is kek_passphrase_file the one it was made with?",
                         file);
    }
    return ERR_OK;
}

/* Whole and on the disk before it has its name; never over another file. */
static err_t line_store(const char *file, const char *line)
{
    char fresh[4096], folder[4096];
    const int n = snprintf(fresh, sizeof fresh, "%s.new.%d", file, (int)getpid());
    const char *slash = strrchr(file, '/');

    if (n < 0 || (size_t)n >= sizeof fresh) return err_raise(ERR_INTERNAL, "kek_file is too long");
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - file) + 1 : 1,
             slash ? file : ".");
    const int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return err_raise(ERR_UNAVAILABLE, "cannot make %s: %s", file, strerror(errno));
    bool stored = write(fd, line, strlen(line)) == (ssize_t)strlen(line) && fsync(fd) == 0;
    stored = close(fd) == 0 && stored && link(fresh, file) == 0;
    const int why = errno;
    unlink(fresh);
    if (!stored) return err_raise(ERR_UNAVAILABLE, "cannot write %s: %s", file, strerror(why));

    const int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fsync(dir) != 0) {
        if (dir >= 0) close(dir);
        return err_raise(ERR_UNAVAILABLE, "cannot flush the folder of %s: %s", file,
                         strerror(errno));
    }
    close(dir);
    return ERR_OK;
}

static err_t kek_make(const char *file, const char *passphrase, uint8_t *stretched)
{
    uint8_t salt[KEK_SALT_BYTES], sealed[KEK_SEALED_BYTES];
    char salt_text[BASE64URL_LEN(KEK_SALT_BYTES) + 1] = "";
    char sealed_text[BASE64URL_LEN(KEK_SEALED_BYTES) + 1] = "";
    char line[KEK_LINE_BYTES];

    secret_random(salt, sizeof salt);
    secret_random(kek, AEAD_KEY_BYTES);
    TRY(passphrase_stretch(passphrase, salt, stretched));
    aead_seal(stretched, str_bytes(STR(KEK_WORD)), bytes_of(kek, AEAD_KEY_BYTES), sealed);
    base64url_encode(bytes_of(salt, sizeof salt), salt_text);
    base64url_encode(bytes_of(sealed, sizeof sealed), sealed_text);
    snprintf(line, sizeof line, KEK_WORD " %s %s\n", salt_text, sealed_text);
    return line_store(file, line);
}

err_t kek_open(const char *file, const char *passphrase, bool may_make)
{
    err_t err = ERR_OK;

    if (!passphrase || !*passphrase)
        return err_raise(ERR_UNAVAILABLE, "kek_passphrase_file is empty");
    FILE *in = fopen(file, "re");
    if (!in && (errno != ENOENT || !may_make)) {
        return err_raise(ERR_UNAVAILABLE, "cannot read %s: %s; the keys in the database need it",
                         file, strerror(errno));
    }
    uint8_t *stretched = secret_alloc(AEAD_KEY_BYTES);
    kek = secret_alloc(AEAD_KEY_BYTES);
    err = in ? kek_read(file, in, passphrase, stretched) : kek_make(file, passphrase, stretched);
    secret_free(stretched, AEAD_KEY_BYTES);
    if (in) fclose(in);
    if (err != ERR_OK) kek_close();
    return err;
}

void kek_close(void)
{
    secret_free(kek, AEAD_KEY_BYTES);
    kek = NULL;
}

#define AAD_BYTES_MAX (3 * sizeof(struct uuid) + 32)

/* Ids have a fixed size and the domain is last, so no two names give the same bytes. */
static struct bytes name_aad(const struct dek_name *name, uint8_t *buffer)
{
    const struct uuid ids[] = {name->org, name->patient, name->id};

    memcpy(buffer, ids, sizeof ids);
    memcpy(buffer + sizeof ids, name->domain.p, name->domain.n);
    return bytes_of(buffer, sizeof ids + name->domain.n);
}

void kek_wrap(const struct dek_name *name, const uint8_t key[AEAD_KEY_BYTES],
              uint8_t ret_wrapped[WRAPPED_BYTES])
{
    uint8_t buffer[AAD_BYTES_MAX];

    aead_seal(kek, name_aad(name, buffer), bytes_of(key, AEAD_KEY_BYTES), ret_wrapped);
}

err_t kek_unwrap(const struct dek_name *name, struct bytes wrapped, uint8_t ret_key[AEAD_KEY_BYTES])
{
    uint8_t buffer[AAD_BYTES_MAX];

    if (wrapped.n != WRAPPED_BYTES ||
        aead_open(kek, name_aad(name, buffer), wrapped, ret_key) != ERR_OK) {
        return err_raise(ERR_CORRUPT, "data key %s does not open", UUID_ARG(name->id));
    }
    return ERR_OK;
}
