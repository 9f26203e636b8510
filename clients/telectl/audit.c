/* The log as files: exported, proved, verified. The checking is audit-verify's, which lies beside
 * this program and needs nothing of the suite. */
#include "clients/telectl/files.h"
#include "clients/telectl/telectl.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPEN_FILES_MAX 16
#define WORDS_MAX 8
#define FHIR_PATH "/fhir/R4/AuditEvent"
#define FACE "/v1/audit/" /* in a log's URL, before the organisation */

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

int program_run(struct arena *arena, const char *path, const char *const *words)
{
    char *argv[WORDS_MAX] = {arena_cstr(arena, str_of(path))};
    pid_t pid;
    int status;

    for (size_t i = 0; words[i]; i++) argv[i + 1] = arena_cstr(arena, str_of(words[i]));
    fflush(stdout);
    const int error = posix_spawn(&pid, path, NULL, NULL, argv, environ);
    if (error)
        return trouble("cannot start %s: %s", "make (it is built beside telectl)", path,
                       strerror(error));
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return trouble("%s ended by itself", "once more; make doctor", path);
    return WEXITSTATUS(status);
}

static int beside(struct arena *arena, const char *name, const char *const *words)
{
    char self[4096];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) *slash = '\0';
    return program_run(arena, arena_cstr(arena, arena_printf(arena, "%s/%s", self, name)), words);
}

static bool running_log(const struct call *call, struct audit_log *ret)
{
    struct endpoints endpoints = {0};

    if (file_decode(call->arena, call->with[WITH_RUN], "endpoints.json", &endpoints_shape,
                    &endpoints) != WELL)
        return false;
    *ret = *endpoints.audit_log;
    return true;
}

/* --vkey, or the running suite's; NULL after saying why. */
static const char *vkey_of(const struct call *call)
{
    struct audit_log log;

    if (call->with[WITH_VKEY]) return call->with[WITH_VKEY];
    return running_log(call, &log) ? arena_cstr(call->arena, log.vkey) : NULL;
}

/* ---- export ---- */

static int log_copy(const struct call *call, const char *dir)
{
    struct audit_log log;

    if (!running_log(call, &log)) return UNWELL;
    const char *const url = arena_cstr(call->arena, log.url), *const org = strstr(url, FACE);
    const struct str from = arena_printf(call->arena, "%s/audit/log/%.*s", call->with[WITH_RUN],
                                         UUID_TEXT, org ? org + sizeof FACE - 1 : "");
    const char *const words[] = {arena_cstr(call->arena, from), dir, call->with[WITH_SHARD], NULL};
    if (beside(call->arena, "audit-export", words) == WELL) return WELL;
    return trouble("the log cannot be exported from " STR_FMT, "run it as who started the suite",
                   STR_ARG(from));
}

/* Where the Bundle's `next` link leads, below the gateway; absent on the last page. FHIR nests
 * deeper than our decoder goes; within a JSON string these quotes would stand escaped. */
static struct str next_of(struct bytes body)
{
    static const char mark[] = "{\"relation\":\"next\",\"url\":\"";
    const char *const end = (const char *)body.p + body.n;
    const char *const found = memmem(body.p, body.n, mark, sizeof mark - 1);

    if (!found) return STR_NONE;
    const char *const url = found + sizeof mark - 1;
    const char *const quote = memchr(url, '"', (size_t)(end - url));
    if (!quote) return STR_NONE;
    const char *const path = memmem(url, (size_t)(quote - url), FHIR_PATH, sizeof FHIR_PATH - 1);
    return path ? (struct str){path, (size_t)(quote - path)} : STR_NONE;
}

/* Bundle after Bundle as they come, a line each. */
static int fhir_copy(const struct call *call, FILE *to)
{
    struct str path =
        arena_printf(call->arena, FHIR_PATH STR_FMT, STR_ARG(ask_query(call, STR_NONE)));

    while (path.n) {
        char kept[2048];
        struct bytes body;

        if (path.n > sizeof kept) return trouble("a link is too long", "make down up");
        memcpy(kept, path.p, path.n);
        arena_reset(call->arena);
        if (!ask(call, (struct str){kept, path.n}, &body)) return UNWELL;
        fprintf(to, "%.*s\n", (int)body.n, (const char *)body.p);
        path = next_of(body);
    }
    return WELL;
}

static int fhir_export(const struct call *call)
{
    const struct str name = arena_printf(call->arena, "%s/AuditEvent.ndjson", call->operand);

    if (mkdir(call->operand, 0700) != 0 && errno != EEXIST)
        return trouble("cannot make %s: %s", "name another folder", call->operand, strerror(errno));
    FILE *const to = fopen(arena_cstr(call->arena, name), "wxe");
    if (!to)
        return trouble("cannot write " STR_FMT ": %s", "name another folder", STR_ARG(name),
                       strerror(errno));
    const int result = fhir_copy(call, to);
    if (fclose(to) != 0 && result == WELL)
        return trouble("cannot write " STR_FMT ": %s", "df", STR_ARG(name), strerror(errno));
    return result;
}

int audit_export(const struct call *call)
{
    return call->with[WITH_FHIR] ? fhir_export(call) : log_copy(call, call->operand);
}

/* ---- prove ---- */

static int file_write(const char *name, struct bytes text)
{
    const int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool written = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n;

    if (!written) trouble("cannot write %s: %s", "name another file: --out", name, strerror(errno));
    if (fd >= 0) close(fd);
    return written ? WELL : UNWELL;
}

int audit_prove(const struct call *call)
{
    const struct str path =
        arena_printf(call->arena, "/v1/audit/proof?event=%s", call->operand);
    const struct str own = arena_printf(call->arena, "%s.tlog-proof", call->operand);
    const char *const name = call->with[WITH_OUT] ? call->with[WITH_OUT]
                                                  : arena_cstr(call->arena, own);
    const char *const vkey = vkey_of(call);
    struct bytes proof;

    if (!vkey || !ask(call, path, &proof) || file_write(name, proof) != WELL) return UNWELL;
    const char *const words[] = {"--proof", name, "--key", vkey, NULL};
    if (beside(call->arena, "audit-verify", words) == WELL) return WELL;
    return trouble("%s proves nothing", "keep it, and make audit-verify DIR=… on an export", name);
}

/* ---- verify ---- */

static int verify(const struct call *call, const char *dir, const char *vkey)
{
    const char *const kept = call->with[WITH_CHECKPOINT];
    const char *const words[] = {dir, "--key", vkey, kept ? "--checkpoint" : NULL, kept, NULL};
    const int code = beside(call->arena, "audit-verify", words);

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
static int verify_running(const struct call *call, const char *vkey)
{
    char dir[] = "/tmp/telectl-audit-XXXXXX";

    if (!mkdtemp(dir))
        return trouble("no folder for the export: %s", "df /tmp", strerror(errno));
    int result = log_copy(call, dir);
    if (result == WELL) result = verify(call, dir, vkey);
    nftw(dir, file_delete, OPEN_FILES_MAX, FTW_DEPTH | FTW_PHYS);
    return result;
}

int audit_verify(const struct call *call)
{
    const char *const vkey = vkey_of(call);

    if (!vkey) return UNWELL;
    return call->with[WITH_DIR] ? verify(call, call->with[WITH_DIR], vkey)
                                : verify_running(call, vkey);
}
