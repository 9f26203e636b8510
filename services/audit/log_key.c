/* The Ed25519 key that signs checkpoints: one line of hex in a file that only audit may read. */
#include "services/audit/audit.h"

#include "common/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_TEXT (2 * SIGN_ED25519_SEED_BYTES)

static struct sign_key *signing;

struct note_key log_key_of(const char *origin)
{
    return note_key(str_of(origin), signing);
}

void log_key_close(void)
{
    signing = sign_key_free(signing);
}

static err_t key_make(const char *path)
{
    uint8_t seed[SIGN_ED25519_SEED_BYTES];
    char text[KEY_TEXT + 1];

    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return err_raise(ERR_UNAVAILABLE, "cannot make %s: %s", path, strerror(errno));
    secret_random(seed, sizeof seed);
    hex_encode(bytes_of(seed, sizeof seed), text);
    text[KEY_TEXT] = '\n';
    const bool written = write(fd, text, sizeof text) == sizeof text && fsync(fd) == 0;
    close(fd);
    secret_wipe(seed, sizeof seed);
    secret_wipe(text, sizeof text);
    return written ? ERR_OK
                   : err_raise(ERR_UNAVAILABLE, "cannot write %s: %s", path, strerror(errno));
}

static err_t key_read(const char *path)
{
    uint8_t seed[SIGN_ED25519_SEED_BYTES];
    char text[KEY_TEXT + 2];
    struct stat is;

    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return ERR_NOT_FOUND;
    if (fd < 0) return err_raise(ERR_UNAVAILABLE, "cannot read %s: %s", path, strerror(errno));
    const ssize_t n = read(fd, text, sizeof text);
    const bool closed = fstat(fd, &is) == 0 && (is.st_mode & 077) == 0;
    close(fd);
    if (!closed) return err_raise(ERR_UNAVAILABLE, "others may read %s: chmod 600 it", path);
    if (n != KEY_TEXT + 1 || text[KEY_TEXT] != '\n' ||
        !hex_decode((struct str){text, KEY_TEXT}, seed))
        return err_raise(ERR_CORRUPT, "%s is no key of the log", path);
    signing = sign_key_new_seed(seed);
    secret_wipe(seed, sizeof seed);
    secret_wipe(text, sizeof text);
    return ERR_OK;
}

err_t log_key_open(const char *path)
{
    const err_t err = key_read(path);

    if (err != ERR_NOT_FOUND) return err;
    TRY(key_make(path));
    return key_read(path);
}
