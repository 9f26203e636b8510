#include "common/io/sandbox.h"

#include "common/base/log.h"
#include "common/base/sanitizer.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- files: Landlock, whose later numbers Debian's headers do not have ---- */

#define VERSION_LEAST 2 /* without REFER, the second's, nothing can be moved between folders */
#define RULE_PATH_BENEATH 1
#define GET_VERSION 1u

enum { /* LANDLOCK_ACCESS_FS_* */
    WRITE_FILE = 1 << 1, READ_FILE = 1 << 2, READ_DIR = 1 << 3, REMOVE_DIR = 1 << 4,
    REMOVE_FILE = 1 << 5, MAKE_DIR = 1 << 7, MAKE_REG = 1 << 8, MAKE_SOCK = 1 << 9,
    REFER = 1 << 13, TRUNCATE = 1 << 14,
};
#define READS (READ_FILE | READ_DIR)
#define WRITES                                                                                     \
    (READS | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | REFER |     \
     TRUNCATE)
#define OF_FILES (READ_FILE | WRITE_FILE | TRUNCATE) /* the rest are rights to folders */

struct ruleset_attr {
    uint64_t handled_files, handled_net, scoped;
};
struct path_beneath_attr {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

/* By version: which rights there are, and how much of ruleset_attr the kernel knows. */
static const struct {
    uint64_t files, scoped;
    size_t attr_bytes;
} versions[] = {
    [2] = {(1 << 14) - 1, 0, 8}, [3] = {(1 << 15) - 1, 0, 8}, [4] = {(1 << 15) - 1, 0, 16},
    [5] = {(1 << 16) - 1, 0, 16}, [6] = {(1 << 16) - 1, 3, 24}, /* and no signals to others */
};
#define VERSION_KNOWN 6

/* What libc, OpenSSL, libpq, librdkafka and libcurl read whenever they like. */
static const char *const system_reads[] = {
    "/usr/lib", "/usr/share/zoneinfo", "/etc/localtime", "/etc/hosts", "/etc/host.conf",
    "/etc/gai.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/services", "/etc/passwd",
    "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/usr/share/ca-certificates", "/proc/sys/vm",
    "/sys/devices/system/cpu", "/dev/urandom", "/dev/null",
    IS_SANITIZED ? "/proc" : "/dev/null", /* its leak checker looks for threads */
};

struct ruleset {
    int fd;
    uint64_t handled;
};

/* What is not there needs no rule. */
static err_t rule_add(const struct ruleset *rules, const char *path, uint64_t rights)
{
    const int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0) close(fd);
        return ERR_OK;
    }
    const struct path_beneath_attr rule = {
        .allowed = rights & rules->handled & (S_ISDIR(st.st_mode) ? ~UINT64_C(0) : OF_FILES),
        .parent = fd,
    };
    const long rc = syscall(SYS_landlock_add_rule, rules->fd, RULE_PATH_BENEATH, &rule, 0);
    const int why = errno;
    close(fd);
    if (rc == 0) return ERR_OK;
    return err_raise(ERR_UNAVAILABLE, "landlock refuses a rule for %s: %s", path, strerror(why));
}

/* @path if it is a folder, else the one that holds it; what has no / is no path here (host:port,
 * empty). */
static err_t folder_add(const struct ruleset *rules, const char *path, uint64_t rights)
{
    char folder[4096];
    struct stat st;

    if (path[0] != '/') return ERR_OK;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return rule_add(rules, path, rights);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path + 1), path);
    return rule_add(rules, folder, rights);
}

static err_t rules_add(const struct ruleset *rules, const struct setting *const *tables,
                       const void *settings)
{
    for (size_t i = 0; i < sizeof system_reads / sizeof *system_reads; i++)
        TRY(rule_add(rules, system_reads[i], READS));
    TRY(rule_add(rules, "/dev/null", READS | WRITE_FILE));
    for (; *tables; tables++) {
        for (const struct setting *row = *tables; row->key; row++) {
            if (row->type != SETTING_PATH && row->type != SETTING_PLACE) continue;
            const char *const *path = (const void *)((const char *)settings + row->offset);
            TRY(folder_add(rules, *path, row->type == SETTING_PLACE ? WRITES : READS));
        }
    }
    return ERR_OK;
}

static err_t refused(const char *what)
{
    return err_raise(ERR_UNAVAILABLE, "%s: %s", what, strerror(errno));
}

err_t sandbox_files(const struct setting *const *tables, const void *settings, int *ret_version)
{
    const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, GET_VERSION);

    *ret_version = 0;
    if (version < VERSION_LEAST) return ERR_OK;

    const int known = version < VERSION_KNOWN ? (int)version : VERSION_KNOWN;
    const struct ruleset_attr attr = {versions[known].files, 0, versions[known].scoped};
    const struct ruleset rules = {
        (int)syscall(SYS_landlock_create_ruleset, &attr, versions[known].attr_bytes, 0),
        attr.handled_files,
    };
    if (rules.fd < 0) return refused("landlock_create_ruleset");
    err_t err = rules_add(&rules, tables, settings);
    if (err == ERR_OK && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                          syscall(SYS_landlock_restrict_self, rules.fd, 0) != 0)) {
        err = refused("landlock_restrict_self");
    }
    close(rules.fd);
    if (err == ERR_OK) *ret_version = (int)version;
    return err;
}

/* ---- calls: seccomp ---- */

struct call_rule {
    const char *names; /* words */
    uint32_t action;
    bool conditional;
    unsigned argument;
    uint64_t mask, value;
};

#define CALL_NUMBER_MAX 1024

/* Async-signal-safe: the process is not its own any more. */
static void intruder(int number, siginfo_t *info, void *unused)
{
    char text[] = "{\"level\":\"fault\",\"event\":\"intruder\",\"text\":\"system call 0000\"}\n";
    char *const digit = text + sizeof text - 5; /* the last 0 */

    (void)number, (void)unused;
    for (int i = 0, left = info->si_syscall; i < 4; i++, left /= 10)
        digit[-i] = (char)('0' + left % 10);
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(128 + SIGSYS);
    _exit(128 + SIGSYS);
}

/* One name of a row, unless an earlier row has decided about it; a name that this machine's kernel
 * does not have says nothing. */
static bool call_add(scmp_filter_ctx filter, const struct call_rule *rule, const char *name,
                     bool done[CALL_NUMBER_MAX])
{
    const int number = seccomp_syscall_resolve_name(name);

    if (number < 0 || number >= CALL_NUMBER_MAX) return true;
    if (rule->conditional) {
        if (IS_SANITIZED && done[number]) return true;
        const struct scmp_arg_cmp is = {rule->argument, SCMP_CMP_MASKED_EQ, rule->mask,
                                        rule->value};
        return seccomp_rule_add_array(filter, rule->action, number, 1, &is) == 0;
    }
    if (done[number]) return true;
    done[number] = true;
    return seccomp_rule_add(filter, rule->action, number, 0) == 0;
}

static err_t rules_load(scmp_filter_ctx filter, const struct call_rule *rules, size_t n,
                        int *ret_calls)
{
    bool done[CALL_NUMBER_MAX] = {false};
    int calls = 0;

    for (size_t i = 0; i < n; i++) {
        char words[512], *rest = words;
        snprintf(words, sizeof words, "%s", rules[i].names);
        for (const char *name; (name = strsep(&rest, " ")) != NULL; calls++) {
            if (!call_add(filter, &rules[i], name, done))
                return err_raise(ERR_INTERNAL, "seccomp refuses the row of %s", name);
        }
    }
    const int rc = seccomp_load(filter);
    if (rc != 0) return err_raise(ERR_UNAVAILABLE, "seccomp: %s", strerror(-rc));
    *ret_calls = calls;
    return ERR_OK;
}

err_t sandbox_calls(int *ret_calls)
{
    const struct call_rule rules[] = {
#define SANITIZED(names, why) {IS_SANITIZED ? (names) : "", SCMP_ACT_ALLOW},
#define ALLOW(names, why) {names, SCMP_ACT_ALLOW},
#define ALLOW_IF(name, argument, mask, value, why)                                                 \
    {#name, SCMP_ACT_ALLOW, true, argument, mask, (uint64_t)(value)},
#define ANSWER(names, errno, why) {names, SCMP_ACT_ERRNO(errno)},
#define KILL(names, why) {names, SCMP_ACT_TRAP},
#include "common/io/sandbox.def"
    };
    const struct sigaction dies = {.sa_sigaction = intruder, .sa_flags = SA_SIGINFO};

    *ret_calls = 0;
    if (prctl(PR_GET_SECCOMP) < 0) return ERR_OK; /* a kernel without */

    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter) return err_raise(ERR_INTERNAL, "seccomp_init");
    /* All threads at once, or none; refusals go to the kernel's audit log, where it has one. */
    err_t err = ERR_OK;
    if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) != 0 ||
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0 ||
        sigaction(SIGSYS, &dies, NULL) != 0) {
        err = err_raise(ERR_UNAVAILABLE, "seccomp cannot be set for all threads");
    }
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    if (err == ERR_OK) err = rules_load(filter, rules, sizeof rules / sizeof *rules, ret_calls);
    seccomp_release(filter);
    return err;
}
