/* The verification of an export: audit-export and audit-verify, which lie beside this program. */
#include "clients/telectl/files.h"
#include "clients/telectl/telectl.h"

#include <errno.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARENA_BYTES_MAX (4 * 1024 * 1024)
#define OPEN_FILES_MAX 16

struct audit_log {
    struct str vkey, url;
};

struct endpoints {
    const struct audit_log *audit_log;
};

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const struct field log_fields[] = {
    {"vkey", TEXT, IN(audit_log, vkey), REQUIRED, 1, 512},
    {"url", TEXT, IN(audit_log, url), REQUIRED, 1, 512},
    {0},
};
static const struct shape log_shape = {"AuditLog", sizeof(struct audit_log), log_fields};

static const struct field endpoints_fields[] = {
    {"audit_log", OBJECT, IN(endpoints, audit_log), REQUIRED, 0, 0, &log_shape},
    {0},
};
static const struct shape endpoints_shape = {
    "Endpoints", sizeof(struct endpoints), endpoints_fields,
};
/* clang-format on */

/* Runs a program that lies beside this one; its exit code, or UNWELL after saying why. */
static int beside(struct arena *arena, const char *name, const char *const *words)
{
    char self[4096];
    pid_t pid;
    int status;
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) *slash = '\0';
    const char *path = arena_cstr(arena, arena_printf(arena, "%s/%s", self, name));
    char *argv[6] = {arena_cstr(arena, str_of(name))};
    for (size_t i = 0; words[i]; i++) argv[i + 1] = arena_cstr(arena, str_of(words[i]));

    const int error = posix_spawn(&pid, path, NULL, NULL, argv, environ);
    if (error)
        return trouble("cannot start %s: %s", "make (it is built beside telectl)", path,
                       strerror(error));
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return trouble("%s ended by itself", "once more; make doctor", name);
    return WEXITSTATUS(status);
}

static int verify(struct arena *arena, const char *dir, const char *vkey)
{
    const char *const words[] = {dir, "--vkey", vkey, NULL};
    const int code = beside(arena, "audit-verify", words);

    if (code == WELL) return WELL;
    return trouble("the audit log under %s is not sound (%d)",
                   "keep this folder as it is, and compare it with checkpoints that others hold",
                   dir, code);
}

static int file_delete(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

/* The log of the running suite, by a copy that goes again. */
static int verify_running(struct arena *arena, const char *run, const struct audit_log *log,
                          const char *vkey)
{
    char dir[] = "/tmp/telectl-audit-XXXXXX";
    const char *org = strrchr(arena_cstr(arena, log->url), '/');

    if (!org || !mkdtemp(dir))
        return trouble("no folder for the export: %s", "df /tmp", strerror(errno));

    const struct str from = arena_printf(arena, "%s/audit/log/%s", run, org + 1);
    const char *const words[] = {arena_cstr(arena, from), dir, NULL};
    int result = beside(arena, "audit-export", words);
    if (result != WELL)
        trouble("the log cannot be exported from " STR_FMT, "run it as who started the suite",
                STR_ARG(from));
    else
        result = verify(arena, dir, vkey);
    nftw(dir, file_delete, OPEN_FILES_MAX, FTW_DEPTH | FTW_PHYS);
    return result;
}

int audit_verify(const struct options *options)
{
    struct arena *arena = arena_new(ARENA_BYTES_MAX);
    struct endpoints endpoints = {0};
    const char *vkey = options->vkey;
    int result = WELL;

    if (!vkey || !options->dir)
        result = file_decode(arena, options->run, "endpoints.json", &endpoints_shape, &endpoints);
    if (result == WELL && !vkey) vkey = arena_cstr(arena, endpoints.audit_log->vkey);
    if (result == WELL)
        result = options->dir ? verify(arena, options->dir, vkey)
                              : verify_running(arena, options->run, endpoints.audit_log, vkey);
    arena_free(arena);
    return result;
}
