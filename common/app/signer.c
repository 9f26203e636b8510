/* Key files, and tokens signed and verified by them. */
#include "common/app/signer.h"

#include "common/base/secret.h"
#include "common/crypto/hash.h"
#include "common/crypto/paseto.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_WORD "telecura-ed25519-1"
#define KID_BYTES 8
#define KID_TEXT BASE64URL_LEN(KID_BYTES)
#define SEED_TEXT BASE64URL_LEN(SIGN_ED25519_SEED_BYTES)
#define PUBLIC_TEXT BASE64URL_LEN(SIGN_ED25519_PUBLIC_BYTES)
#define KEYS_MAX 8  /* of a public file */
#define FILES_MAX 2 /* grants and passes */
#define FILE_TEXT_MAX 1024

struct signer {
    struct sign_key *key;
    char kid[KID_TEXT + 1];
};

/* ---- files ---- */

/* At most FILE_TEXT_MAX - 1 bytes, NUL-terminated; false when it cannot be read (errno says why).
 */
static bool file_read(const char *file, char *ret_text)
{
    const int fd = open(file, O_RDONLY | O_CLOEXEC);

    if (fd < 0) return false;
    const ssize_t n = read(fd, ret_text, FILE_TEXT_MAX - 1);
    close(fd);
    if (n < 0) return false;
    ret_text[n] = 0;
    return true;
}

/* Whole before it has its name, so that readers never see half of it. */
static err_t file_write(const char *file, const char *text, mode_t mode)
{
    char fresh[4096];
    const size_t length = strlen(text);

    if (snprintf(fresh, sizeof fresh, "%s.new.%d", file, (int)getpid()) >= (int)sizeof fresh) {
        return err_raise(ERR_INTERNAL, "a key file's name is too long");
    }
    unlink(fresh);
    const int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return err_raise(ERR_UNAVAILABLE, "cannot make %s: %s", file, strerror(errno));
    bool written =
        write(fd, text, length) == (ssize_t)length && fchmod(fd, mode) == 0 && fsync(fd) == 0;
    written = close(fd) == 0 && written && rename(fresh, file) == 0;
    if (written) return ERR_OK;
    const int why = errno;
    unlink(fresh);
    return err_raise(ERR_UNAVAILABLE, "cannot write %s: %s", file, strerror(why));
}

static void text_of(struct bytes from, char *ret_text)
{
    ret_text[base64url_encode(from, ret_text)] = 0;
}

static void kid_of(const uint8_t public[SIGN_ED25519_PUBLIC_BYTES], char ret_kid[KID_TEXT + 1])
{
    const struct hash hash = hash_sha256(bytes_of(public, SIGN_ED25519_PUBLIC_BYTES));

    text_of(bytes_of(hash.b, KID_BYTES), ret_kid);
}

/* ---- signing ---- */

static struct sign_key *key_parse(const char *text)
{
    char word[32], seed_text[SEED_TEXT + 2], rest;
    uint8_t seed[SIGN_ED25519_SEED_BYTES + 2];
    size_t n = 0;
    struct sign_key *key = NULL;

    if (sscanf(text, "%31s %44s %c", word, seed_text, &rest) == 2 && strcmp(word, KEY_WORD) == 0 &&
        base64url_decode(str_of(seed_text), seed, &n) && n == SIGN_ED25519_SEED_BYTES) {
        key = sign_key_new_seed(seed);
    }
    secret_wipe(seed, sizeof seed);
    secret_wipe(seed_text, sizeof seed_text);
    return key;
}

static err_t key_make(const char *file, struct sign_key **ret_key)
{
    uint8_t seed[SIGN_ED25519_SEED_BYTES];
    char seed_text[SEED_TEXT + 1], text[128];
    struct sign_key *key = sign_key_new_ed25519();

    sign_key_seed(key, seed);
    text_of(bytes_of(seed, sizeof seed), seed_text);
    snprintf(text, sizeof text, KEY_WORD " %s\n", seed_text);
    const err_t err = file_write(file, text, 0600);
    secret_wipe(seed, sizeof seed);
    secret_wipe(seed_text, sizeof seed_text);
    secret_wipe(text, sizeof text);
    *ret_key = err == ERR_OK ? key : sign_key_free(key);
    return err;
}

/* Leaves a file alone that says it already: it may have been put there read-only. */
static err_t public_publish(const struct signer *signer, const char *file)
{
    uint8_t public[SIGN_ED25519_PUBLIC_BYTES];
    char public_text[PUBLIC_TEXT + 1], line[128], old[FILE_TEXT_MAX];

    sign_key_public(signer->key, public);
    text_of(bytes_of(public, sizeof public), public_text);
    snprintf(line, sizeof line, "%s %s\n", signer->kid, public_text);
    if (file_read(file, old) && strstr(old, line)) return ERR_OK;
    return file_write(file, line, 0644);
}

struct signer *signer_new(const char *key_file, const char *public_file)
{
    char text[FILE_TEXT_MAX];
    uint8_t public[SIGN_ED25519_PUBLIC_BYTES];
    struct sign_key *key = NULL;

    if (file_read(key_file, text)) {
        key = key_parse(text);
        secret_wipe(text, sizeof text);
        if (!key) (void)!err_raise(ERR_CORRUPT, "%s is no signing key", key_file);
    } else if (errno != ENOENT) {
        (void)!err_raise(ERR_UNAVAILABLE, "cannot read %s: %s", key_file, strerror(errno));
    } else if (key_make(key_file, &key) != ERR_OK) {
        return NULL;
    }
    if (!key) return NULL;

    struct signer *signer = calloc(1, sizeof *signer);
    if (!signer) abort();
    signer->key = key;
    sign_key_public(key, public);
    kid_of(public, signer->kid);
    return public_publish(signer, public_file) == ERR_OK ? signer : signer_free(signer);
}

struct signer *signer_free(struct signer *signer)
{
    if (signer) sign_key_free(signer->key);
    free(signer);
    return NULL;
}

void signer_sign(const struct signer *signer, struct bytes message, uint8_t *ret_signature)
{
    sign_make(signer->key, message, ret_signature);
}

struct str signer_id(const struct signer *signer)
{
    return str_of(signer->kid);
}

struct str signer_token(struct arena *arena, const struct signer *signer, struct str json,
                        struct str purpose)
{
    return paseto_sign(arena, signer->key, str_bytes(json), str_of(signer->kid), purpose);
}

/* ---- verifying ---- */

struct public_key {
    char kid[KID_TEXT + 1];
    struct sign_key *key;
};

static struct public_file {
    char *name;
    struct timespec changed_at;
    ino_t inode;
    struct public_key keys[KEYS_MAX];
    size_t n;
} files[FILES_MAX];
static size_t files_next; /* whose place a further file takes */

/* Held for reading while a key is used, so that a changed file waits for who verifies by the old.
 */
static pthread_rwlock_t files_lock = PTHREAD_RWLOCK_INITIALIZER;

static bool public_parse(struct str line, struct public_key *ret)
{
    uint8_t public[PUBLIC_TEXT]; /* room for what a wrong length decodes to */
    size_t n = 0;

    if (line.n != KID_TEXT + 1 + PUBLIC_TEXT) return false;
    const struct str text = {line.p + KID_TEXT + 1, PUBLIC_TEXT};
    if (!base64url_decode(text, public, &n) || n != SIGN_ED25519_PUBLIC_BYTES) return false;
    kid_of(public, ret->kid);
    if (memcmp(ret->kid, line.p, KID_TEXT) != 0) return false;
    ret->key = sign_key_new_public(public);
    return ret->key != NULL;
}

static void file_load(struct public_file *file)
{
    char text[FILE_TEXT_MAX];
    char *rest = NULL;

    while (file->n > 0) sign_key_free(file->keys[--file->n].key);
    if (!file_read(file->name, text)) return;
    for (char *line = strtok_r(text, "\n", &rest); line && file->n < KEYS_MAX;
         line = strtok_r(NULL, "\n", &rest)) {
        if (public_parse(str_of(line), &file->keys[file->n])) file->n++;
    }
}

static struct public_file *file_find(const char *name)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (files[i].name && strcmp(files[i].name, name) == 0) return &files[i];
    }
    return NULL;
}

static bool is_fresh(const struct public_file *file, const struct stat *st)
{
    return file && file->inode == st->st_ino && file->changed_at.tv_sec == st->st_mtim.tv_sec &&
           file->changed_at.tv_nsec == st->st_mtim.tv_nsec;
}

/* Returns with files_lock held for reading. */
static const struct public_file *file_borrow(const char *name)
{
    struct stat st = {0};

    (void)!stat(name, &st); /* what is not there has no keys */
    pthread_rwlock_rdlock(&files_lock);
    if (is_fresh(file_find(name), &st)) return file_find(name);
    pthread_rwlock_unlock(&files_lock);

    pthread_rwlock_wrlock(&files_lock);
    struct public_file *file = file_find(name);
    if (!file) {
        file = &files[files_next++ % FILES_MAX];
        free(file->name);
        file->name = strdup(name);
    }
    file->inode = st.st_ino;
    file->changed_at = st.st_mtim;
    file_load(file);
    pthread_rwlock_unlock(&files_lock);
    pthread_rwlock_rdlock(&files_lock);
    return file_find(name);
}

static const struct sign_key *key_find(const struct public_file *file, struct str kid)
{
    for (size_t i = 0; file && i < file->n; i++) {
        if (str_is(kid, file->keys[i].kid)) return file->keys[i].key;
    }
    return NULL;
}

bool signer_verify(struct arena *arena, const char *public_file, struct str token,
                   struct str purpose, struct bytes *ret_json)
{
    struct str kid;

    if (!token.p || paseto_footer(token, arena, &kid) != ERR_OK) return false;
    const struct sign_key *key = key_find(file_borrow(public_file), kid);
    const bool verified = key && paseto_verify(token, key, purpose, arena, ret_json) == ERR_OK;
    pthread_rwlock_unlock(&files_lock);
    return verified;
}
