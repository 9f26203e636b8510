/* A child shuts itself in and then tries what is forbidden. */
#include "common/io/sandbox.h"

#include "common/base/sanitizer.h"
#include "common/base/secret.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct places {
    const char *reads, *writes, *text;
};
static const struct setting rows[] = {
    {"reads", SETTING_PATH, offsetof(struct places, reads), "", 0, 0, ""},
    {"writes", SETTING_PLACE, offsetof(struct places, writes), "", 0, 0, ""},
    {"text", SETTING_TEXT, offsetof(struct places, text), "", 0, 0, ""},
    {0},
};
static char folder[] = "/tmp/sandbox-XXXXXX", own[64], told[64], hidden[64];

static bool file_make(const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    return fd >= 0 && close(fd) == 0;
}

static bool file_reads(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && close(fd) == 0;
}

static int folders_make(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(own, sizeof own, "%s/own", folder);
    snprintf(told, sizeof told, "%s/told", folder);
    snprintf(hidden, sizeof hidden, "%s/hidden", folder);
    char file[80];
    bool made = mkdir(own, 0700) == 0 && mkdir(told, 0700) == 0 && mkdir(hidden, 0700) == 0;
    snprintf(file, sizeof file, "%s/file", told);
    made = made && file_make(file);
    snprintf(file, sizeof file, "%s/file", hidden);
    return made && file_make(file) ? 0 : -1;
}

static int folders_remove(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* What @act returned in a child that is shut in; -signal if it was killed. */
static int shut_in(int (*act)(void))
{
    const pid_t child = fork();
    int status = 0, landlock = 0, calls = 0;

    if (child == 0) {
        char in_own[80], in_told[80];
        snprintf(in_own, sizeof in_own, "%s/key", own);
        snprintf(in_told, sizeof in_told, "%s/file", told);
        const struct places places = {in_told, in_own, hidden};
        const struct setting *const tables[] = {rows, NULL};
        if (sandbox_files(tables, &places, &landlock) != ERR_OK || landlock == 0) _exit(100);
        if (sandbox_calls(&calls) != ERR_OK || calls < 100) _exit(101);
        _exit(act());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- files ---- */

static int keeps_its_own(void)
{
    char from[80], to[80];

    snprintf(from, sizeof from, "%s/new", own);
    snprintf(to, sizeof to, "%s/key", own);
    if (!file_make(from)) return 1;
    if (rename(from, to) != 0) return 2;
    if (!file_reads(to)) return 3;
    return unlink(to) == 0 ? 0 : 4;
}

static int reads_what_it_is_told(void)
{
    char file[80];

    snprintf(file, sizeof file, "%s/file", told);
    if (!file_reads(file)) return 1;
    if (file_make(file)) return 2; /* reading is no right to write */
    return file_reads("/etc/hosts") ? 0 : 3;
}

static int others_are_shut(void)
{
    static const char *const others[] = {"/etc/shadow", "/root", "/var/log",
                                         IS_SANITIZED ? "/boot" : "/proc/self/status"};
    char file[80];

    snprintf(file, sizeof file, "%s/file", hidden);
    if (file_reads(file) || file_make(file)) return 1;
    for (size_t i = 0; i < 4; i++) {
        if (file_reads(others[i])) return 2;
    }
    return 0;
}

static void only_its_own_folders_are_open(void **state)
{
    (void)state;
    assert_int_equal(shut_in(keeps_its_own), 0);
    assert_int_equal(shut_in(reads_what_it_is_told), 0);
    assert_int_equal(shut_in(others_are_shut), 0);
}

/* ---- calls ---- */

static int starts_a_program(void)
{
    char *const words[] = {(char[]){"/bin/true"}, NULL};

    return execve(words[0], words, words + 1) == 0 ? 0 : 1;
}

static int reads_another(void)
{
    char byte;
    struct { void *at; size_t n; } to = {&byte, 1}, from = {&byte, 1};

    syscall(SYS_process_vm_writev, getppid(), &to, 1, &from, 1, 0);
    return 0;
}

static int becomes_another(void)
{
    syscall(SYS_setuid, 1);
    return 0;
}

static int enters_another_world(void)
{
    syscall(SYS_unshare, 0);
    return 0;
}

static void what_only_an_intruder_does_ends_the_process(void **state)
{
    (void)state;
    assert_int_equal(shut_in(starts_a_program), 128 + SIGSYS);
    assert_int_equal(shut_in(reads_another), 128 + SIGSYS);
    assert_int_equal(shut_in(becomes_another), 128 + SIGSYS);
    assert_int_equal(shut_in(enters_another_world), 128 + SIGSYS);
}

static bool refused(long result)
{
    return result < 0 && errno == EPERM;
}

static int asks_for_more(void)
{
    if (!refused(socket(AF_NETLINK, SOCK_RAW, 0))) return 1;
    if (!refused(socket(AF_PACKET, SOCK_RAW, 0))) return 2;
    if (!refused(listen(0, 1))) return 3;
    if (!refused(syscall(SYS_memfd_create, "x", 0))) return 4;
    if (!refused(syscall(SYS_socketpair, AF_INET, SOCK_STREAM, 0, NULL))) return 5;
    if (!refused(kill(getppid(), 0)) && !IS_SANITIZED) return 6;
    if (IS_SANITIZED) return 0; /* whose leak checker needs the rest */
    if (!refused(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))) return 7;
    if (!refused(fork())) return 8;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!refused(page == MAP_FAILED ? -1 : 0)) return 9;
    return refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)) ? 10 : 0;
}

static void what_no_service_needs_is_refused(void **state)
{
    (void)state;
    assert_int_equal(shut_in(asks_for_more), IS_SANITIZED ? 0 : 128 + SIGSYS);
}

static void *thread_main(void *unused)
{
    uint8_t *secret = secret_alloc(32);

    secret_random(secret, 32);
    secret_free(secret, 32);
    return unused;
}

static int lives_on(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, thread_main, NULL) != 0) return 1;
    if (pthread_join(thread, NULL) != 0) return 2;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in discard = {.sin_family = AF_INET, .sin_port = htons(9),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (fd < 0) return 3;
    if (connect(fd, (const void *)&discard, sizeof discard) == 0) return 4;
    return errno == ECONNREFUSED ? 0 : 5;
}

static void threads_and_connections_go_on(void **state)
{
    (void)state;
    assert_int_equal(shut_in(lives_on), 0);
}

static pthread_barrier_t both;

static void *older_main(void *ret)
{
    pthread_barrier_wait(&both); /* shut in meanwhile */
    *(bool *)ret = refused(socket(AF_NETLINK, SOCK_RAW, 0));
    return NULL;
}

/* Calls are shut for threads that were there before. */
static void older_threads_are_shut_in(void **state)
{
    const pid_t child = fork();
    int status = 0;

    (void)state;
    if (child == 0) {
        bool shut = false;
        pthread_t older;
        int calls;
        pthread_barrier_init(&both, NULL, 2);
        if (pthread_create(&older, NULL, older_main, &shut) != 0) _exit(1);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || sandbox_calls(&calls) != ERR_OK)
            _exit(2);
        pthread_barrier_wait(&both);
        pthread_join(older, NULL);
        _exit(shut ? 0 : 3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_its_own_folders_are_open),
        cmocka_unit_test(what_only_an_intruder_does_ends_the_process),
        cmocka_unit_test(what_no_service_needs_is_refused),
        cmocka_unit_test(threads_and_connections_go_on),
        cmocka_unit_test(older_threads_are_shut_in),
    };

    return cmocka_run_group_tests_name("sandbox", tests, folders_make, folders_remove);
}
