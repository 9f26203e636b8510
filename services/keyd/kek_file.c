/*
 * The provider of one machine: a file, a line a version, 0600.
 *
 *     telecura-kek-1 SALT SEALED
 *     telecura-kek-2 VERSION SALT SEALED
 *
 * both base64url; SEALED is the key under XAES-256-GCM by Argon2id(passphrase, salt), bound to what
 * stands before SALT. The first form is version 1's. The parameters belong to the word: other ones
 * are another word.
 *
 * The file is only ever replaced by a whole one that is on the disk, so a kill at any line leaves
 * the one before or the one after.
 */
#include "common/base/secret.h"
#include "services/keyd/kek.h"

#include <argon2.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_WORD "telecura-kek-1"
#define WORD "telecura-kek-2"
#define SALT_BYTES 16
#define SEALED_BYTES (AEAD_KEY_BYTES + AEAD_OVERHEAD_BYTES)
#define WRAPPED_BYTES (AEAD_KEY_BYTES + AEAD_OVERHEAD_BYTES)
#define LINE_BYTES 256
#define VERSIONS_MAX 8 /* two in a turn, and room for an operator who is late */
/* RFC 9106, second recommended option, on two lanes. */
#define ARGON_PASSES 3
#define ARGON_KIB (64 * 1024)
#define ARGON_LANES 2

struct kek {
    int version; /* 0: empty */
    uint8_t key[AEAD_KEY_BYTES];
    char line[LINE_BYTES]; /* as it stands in the file */
};

/* Guards keks. Else those who wrap and open would keep a turn waiting for ever. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static struct kek *keks; /* VERSIONS_MAX in locked memory; NULL until opened */
static struct kek_config from;

/* The slot of @version, NULL when there is none; of 0: an empty one. */
static struct kek *kek_find(int version)
{
    for (size_t i = 0; keks && i < VERSIONS_MAX; i++) {
        if (keks[i].version == version) return &keks[i];
    }
    return NULL;
}

/* ---- a line ---- */

static err_t passphrase_stretch(const uint8_t *salt, uint8_t *ret_key)
{
    const int rc = argon2id_hash_raw(ARGON_PASSES, ARGON_KIB, ARGON_LANES, from.passphrase,
                                     strlen(from.passphrase), salt, SALT_BYTES, ret_key,
                                     AEAD_KEY_BYTES);

    return rc == ARGON2_OK ? ERR_OK
                           : err_raise(ERR_INTERNAL, "argon2: %s", argon2_error_message(rc));
}

/* What stands before the salt; also the associated data. */
static struct str line_head(int version, char buffer[LINE_BYTES])
{
    if (version == 1) return STR(FIRST_WORD);
    return (struct str){buffer, (size_t)snprintf(buffer, LINE_BYTES, WORD " %d", version)};
}

static err_t line_make(struct kek *kek)
{
    uint8_t salt[SALT_BYTES], sealed[SEALED_BYTES];
    char salt_text[BASE64URL_LEN(SALT_BYTES) + 1] = "";
    char sealed_text[BASE64URL_LEN(SEALED_BYTES) + 1] = "", buffer[LINE_BYTES];
    uint8_t *stretched = secret_alloc(AEAD_KEY_BYTES);
    const struct str head = line_head(kek->version, buffer);

    secret_random(salt, sizeof salt);
    const err_t err = passphrase_stretch(salt, stretched);
    if (err == ERR_OK)
        aead_seal(stretched, str_bytes(head), bytes_of(kek->key, AEAD_KEY_BYTES), sealed);
    secret_free(stretched, AEAD_KEY_BYTES);
    TRY(err);
    base64url_encode(bytes_of(salt, sizeof salt), salt_text);
    base64url_encode(bytes_of(sealed, sizeof sealed), sealed_text);
    snprintf(kek->line, LINE_BYTES, STR_FMT " %s %s\n", STR_ARG(head), salt_text, sealed_text);
    return ERR_OK;
}

/* The version and the two parts after it; false when the line is anything else. */
static bool line_parse(const char *line, int *ret_version, uint8_t *salt, uint8_t *sealed)
{
    char salt_text[64], sealed_text[160], rest;
    uint8_t part[160];
    size_t n = 0;

    *ret_version = 1;
    if (sscanf(line, FIRST_WORD " %63s %159s %c", salt_text, sealed_text, &rest) != 2 &&
        (sscanf(line, WORD " %d %63s %159s %c", ret_version, salt_text, sealed_text, &rest) != 3 ||
         *ret_version < 2)) {
        return false;
    }
    if (!base64url_decode(str_of(salt_text), part, &n) || n != SALT_BYTES) return false;
    memcpy(salt, part, n);
    if (!base64url_decode(str_of(sealed_text), part, &n) || n != SEALED_BYTES) return false;
    memcpy(sealed, part, n);
    return true;
}

static err_t line_open(const char *line)
{
    uint8_t salt[SALT_BYTES], sealed[SEALED_BYTES];
    struct kek *kek = kek_find(0);
    char buffer[LINE_BYTES];
    int version;

    if (!kek || !line_parse(line, &version, salt, sealed) || kek_find(version))
        return err_raise(ERR_CORRUPT, "%s is no KEK file: restore it from its backup", from.file);
    uint8_t *stretched = secret_alloc(AEAD_KEY_BYTES);
    err_t err = passphrase_stretch(salt, stretched);
    if (err == ERR_OK && aead_open(stretched, str_bytes(line_head(version, buffer)),
                                   bytes_of(sealed, sizeof sealed), kek->key) != ERR_OK) {
        err = err_raise(ERR_CORRUPT,
                        "%s does not open: is kek_passphrase_file the one it was made with?",
                        from.file);
    }
    secret_free(stretched, AEAD_KEY_BYTES);
    TRY(err);
    kek->version = version;
    snprintf(kek->line, LINE_BYTES, "%s", line);
    return ERR_OK;
}

/* ---- the file ---- */

static bool lines_write(int fd)
{
    for (size_t i = 0; i < VERSIONS_MAX; i++) {
        const size_t n = keks[i].version ? strlen(keks[i].line) : 0;
        if (write(fd, keks[i].line, n) != (ssize_t)n) return false;
    }
    return fsync(fd) == 0;
}

static err_t folder_flush(void)
{
    const char *slash = strrchr(from.file, '/');
    char folder[4096];

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - from.file) + 1 : 1,
             slash ? from.file : ".");
    const int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool flushed = dir >= 0 && fsync(dir) == 0;
    const int why = errno;
    if (dir >= 0) close(dir);
    if (flushed) return ERR_OK;
    return err_raise(ERR_UNAVAILABLE, "cannot flush the folder of %s: %s", from.file,
                     strerror(why));
}

/* Whole and on the disk before it has its name. The first one never over another file. */
static err_t file_store(bool first)
{
    char fresh[4096];
    const int n = snprintf(fresh, sizeof fresh, "%s.new.%d", from.file, (int)getpid());

    if (n < 0 || (size_t)n >= sizeof fresh) return err_raise(ERR_INTERNAL, "kek_file is too long");
    unlink(fresh); /* a former process of this number died here */
    const int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return err_raise(ERR_UNAVAILABLE, "cannot make %s: %s", fresh, strerror(errno));
    bool stored = lines_write(fd);
    stored = close(fd) == 0 && stored;
    stored = stored && (first ? link(fresh, from.file) : rename(fresh, from.file)) == 0;
    const int why = errno;
    unlink(fresh);
    if (!stored)
        return err_raise(ERR_UNAVAILABLE, "cannot write %s: %s", from.file, strerror(why));
    return folder_flush();
}

static err_t file_read(FILE *in)
{
    char line[LINE_BYTES];

    while (fgets(line, sizeof line, in)) TRY(line_open(line));
    if (kek_find(0) != keks) return ERR_OK;
    return err_raise(ERR_CORRUPT, "%s is no KEK file: restore it from its backup", from.file);
}

static err_t file_make(void)
{
    *keks = (struct kek){.version = 1};
    secret_random(keks->key, AEAD_KEY_BYTES);
    TRY(line_make(keks));
    return file_store(true);
}

/* ---- the provider ---- */

static void file_close(void)
{
    secret_free(keks, VERSIONS_MAX * sizeof *keks);
    keks = NULL;
}

static err_t file_open(const struct kek_config *config)
{
    from = *config;
    if (!from.passphrase || !*from.passphrase)
        return err_raise(ERR_UNAVAILABLE, "kek_passphrase_file is empty");
    FILE *in = fopen(from.file, "re");
    if (!in && (errno != ENOENT || !from.may_make)) {
        return err_raise(ERR_UNAVAILABLE, "cannot read %s: %s; the keys in the database need it",
                         from.file, strerror(errno));
    }
    keks = secret_alloc(VERSIONS_MAX * sizeof *keks);
    const err_t err = in ? file_read(in) : file_make();
    if (in) fclose(in);
    if (err != ERR_OK) file_close();
    return err;
}

static err_t file_health(void)
{
    struct stat st;

    if (keks && stat(from.file, &st) == 0) return ERR_OK;
    return err_raise(ERR_UNAVAILABLE,
                     "%s is gone: put its backup there before the next start, or no key opens",
                     from.file);
}

static bool file_has(int version)
{
    pthread_rwlock_rdlock(&lock);
    const bool has = kek_find(version) != NULL;
    pthread_rwlock_unlock(&lock);
    return has;
}

/* Puts @next into @slot, in memory once it is so on the disk. */
static err_t slot_change(struct kek *slot, const struct kek *next)
{
    pthread_rwlock_wrlock(&lock);
    struct kek former = *slot;
    *slot = *next;
    const err_t err = file_store(false);
    if (err != ERR_OK) *slot = former;
    pthread_rwlock_unlock(&lock);
    secret_wipe(&former, sizeof former);
    return err;
}

static err_t version_make(int version)
{
    struct kek *slot = kek_find(0), *fresh = secret_alloc(sizeof *fresh);

    *fresh = (struct kek){.version = version};
    secret_random(fresh->key, AEAD_KEY_BYTES);
    err_t err = slot ? line_make(fresh)
                     : err_raise(ERR_UNAVAILABLE, "%s holds %d versions: let one retire first",
                                 from.file, VERSIONS_MAX);
    if (err == ERR_OK) err = slot_change(slot, fresh);
    secret_free(fresh, sizeof *fresh);
    return err;
}

static err_t file_version_make(int version)
{
    pthread_mutex_lock(&changing);
    const err_t err = kek_find(version) ? ERR_OK : version_make(version);
    pthread_mutex_unlock(&changing);
    return err;
}

static err_t file_retire(int version)
{
    static const struct kek none;

    pthread_mutex_lock(&changing);
    struct kek *slot = kek_find(version);
    const err_t err = slot ? slot_change(slot, &none) : ERR_OK;
    pthread_mutex_unlock(&changing);
    return err;
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

static err_t absent(int version)
{
    return err_raise(ERR_UNAVAILABLE, "there is no KEK of version %d in %s", version, from.file);
}

static err_t file_wrap(struct arena *arena, int version, const struct dek_name *name,
                       const uint8_t key[AEAD_KEY_BYTES], struct bytes *ret_wrapped)
{
    uint8_t buffer[AAD_BYTES_MAX], *wrapped = arena_alloc(arena, WRAPPED_BYTES);

    pthread_rwlock_rdlock(&lock);
    const struct kek *kek = kek_find(version);
    if (kek)
        aead_seal(kek->key, name_aad(name, buffer), bytes_of(key, AEAD_KEY_BYTES), wrapped);
    pthread_rwlock_unlock(&lock);
    if (!kek) return absent(version);
    *ret_wrapped = bytes_of(wrapped, WRAPPED_BYTES);
    return ERR_OK;
}

static err_t file_unwrap(int version, const struct dek_name *name, struct bytes wrapped,
                         uint8_t ret_key[AEAD_KEY_BYTES])
{
    uint8_t buffer[AAD_BYTES_MAX];
    err_t err = ERR_CORRUPT;

    pthread_rwlock_rdlock(&lock);
    const struct kek *kek = kek_find(version);
    if (kek && wrapped.n == WRAPPED_BYTES)
        err = aead_open(kek->key, name_aad(name, buffer), wrapped, ret_key);
    pthread_rwlock_unlock(&lock);
    if (!kek) return absent(version);
    if (err == ERR_OK) return ERR_OK;
    return err_raise(ERR_CORRUPT, "data key %s does not open", UUID_ARG(name->id));
}

static err_t file_rewrap(struct arena *arena, int from_version, int to_version,
                         const struct dek_name *name, struct bytes wrapped,
                         struct bytes *ret_wrapped)
{
    uint8_t key[AEAD_KEY_BYTES];
    err_t err = file_unwrap(from_version, name, wrapped, key);

    if (err == ERR_OK) err = file_wrap(arena, to_version, name, key, ret_wrapped);
    secret_wipe(key, sizeof key);
    return err;
}

const struct kek_provider kek_file = {
    .name = "file",
    .open = file_open,
    .close = file_close,
    .health = file_health,
    .has = file_has,
    .make = file_version_make,
    .retire = file_retire,
    .wrap = file_wrap,
    .unwrap = file_unwrap,
    .rewrap = file_rewrap,
};
