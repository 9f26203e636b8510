/* secret: randomness across fork, guard pages, constant comparison. */
#include "common/base/secret.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void compares(void **state)
{
    (void)state;
    assert_true(secret_equal("abc", "abc", 3));
    assert_false(secret_equal("abc", "abd", 3));
    assert_false(secret_equal("xbc", "abc", 3));
    assert_true(secret_equal("abc", "xyz", 0));
}

static void draws_differ(void **state)
{
    uint8_t draws[200][16], big[3000] = {0};
    unsigned set = 0;

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        secret_random(draws[i], 16);
        for (size_t k = 0; k < i; k++) assert_memory_not_equal(draws[i], draws[k], 16);
    }
    secret_random(big, sizeof big);
    for (size_t i = 0; i < sizeof big; i++) set += (unsigned)__builtin_popcount(big[i]);
    assert_in_range(set, 11400, 12600); /* 12000 expected; eight deviations of 77 */
}

static void a_fork_draws_its_own(void **state)
{
    uint8_t mine[16], theirs[16];
    int fds[2];
    pid_t child;

    (void)state;
    secret_random(mine, sizeof mine); /* the pool is now filled */
    assert_int_equal(pipe(fds), 0);
    child = fork();
    if (child == 0) {
        secret_random(theirs, sizeof theirs);
        _exit(write(fds[1], theirs, sizeof theirs) != sizeof theirs);
    }
    secret_random(mine, sizeof mine);
    assert_int_equal(read(fds[0], theirs, sizeof theirs), sizeof theirs);
    assert_memory_not_equal(mine, theirs, sizeof mine);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(fds[0]);
    close(fds[1]);
}

/* The signal that a child dies of when it writes at @p; 0 when it lives. */
static int death_by_write(volatile uint8_t *p)
{
    const pid_t child = fork();
    int status = 0;

    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        *p = 1;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void pages_are_zeroed_and_guarded(void **state)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *const p = secret_alloc(page + 1);

    (void)state;
    for (size_t i = 0; i < 2 * page; i++) assert_int_equal(p[i], 0);
    assert_int_equal(death_by_write(p + 2 * page - 1), 0);
    assert_int_equal(death_by_write(p + 2 * page), SIGSEGV);
    assert_int_equal(death_by_write(p - 1), SIGSEGV);
    secret_free(p, page + 1);
    secret_free(NULL, 1);
}

static void a_small_limit_does_not_stop_it(void **state)
{
    const pid_t child = fork();
    int status = 0;

    (void)state;
    if (child == 0) {
        const struct rlimit none = {0, 0};
        uint8_t *p;

        setrlimit(RLIMIT_MEMLOCK, &none);
        if (geteuid() == 0 && setuid(65534) != 0) _exit(1); /* root has no limit */
        p = secret_alloc(100);
        p[99] = 1;
        secret_free(p, 100);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(draws_differ),
        cmocka_unit_test(a_fork_draws_its_own),
        cmocka_unit_test(pages_are_zeroed_and_guarded),
        cmocka_unit_test(a_small_limit_does_not_stop_it),
    };

    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
