/* cache against a Redis of the test's own, killed and started again. */
#include "common/base/clock.h"
#include "common/io/cache.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_cache.XXXXXX", path[64];
static pid_t redis;

static void redis_start(void)
{
    int out[2];

    assert_int_equal(pipe(out), 0);
    redis = fork();
    if (redis == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "",
               "--dir", folder, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    /* Its log says when the socket is there. */
    FILE *log = fdopen(out[0], "r");
    char line[512] = "";
    while (!strstr(line, "now ready to accept connections at") && fgets(line, sizeof line, log)) {}
    assert_non_null(strstr(line, "now ready"));
    fclose(log);
}

static void redis_stop(void)
{
    kill(redis, SIGKILL);
    waitpid(redis, NULL, 0);
}

static int start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/redis.sock", folder);
    redis_start();
    return 0;
}

static int stop(void **state)
{
    char command[128];

    (void)state;
    redis_stop();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void values_come_back_until_deleted(void **state)
{
    struct cache *cache = cache_new(path, 200);
    struct arena *arena = arena_new(64 * 1024);
    struct str value = STR_NONE;

    (void)state;
    assert_false(cache_get(cache, STR("a key"), arena, &value));
    assert_null(value.p);
    cache_set(cache, STR("a key"), (struct str){"x\0\r\n y", 6}, 60);
    assert_true(cache_get(cache, STR("a key"), arena, &value));
    assert_int_equal(value.n, 6);
    assert_memory_equal(value.p, "x\0\r\n y", 6);
    cache_del(cache, STR("a key"));
    assert_false(cache_get(cache, STR("a key"), arena, &value));
    arena_free(arena);
    cache_free(cache);
}

/* Dead is a miss, at once; a second later it is asked again. */
static void a_dead_server_is_a_miss_and_comes_back(void **state)
{
    struct cache *cache = cache_new(path, 200);
    struct arena *arena = arena_new(64 * 1024);
    struct str value;

    (void)state;
    cache_set(cache, STR("k"), STR("v"), 60);
    redis_stop();
    assert_false(cache_get(cache, STR("k"), arena, &value));
    const int64_t dead_us = clock_mono_us();
    for (int i = 0; i < 1000; i++) cache_set(cache, STR("k"), STR("v"), 60);
    assert_true(clock_mono_us() - dead_us < 500 * MS_US);
    unlink(path);
    redis_start();
    bool found = false;
    while (!found && clock_mono_us() - dead_us < 5 * SECOND_US) {
        cache_set(cache, STR("k"), STR("v"), 60);
        found = cache_get(cache, STR("k"), arena, &value);
    }
    assert_true(found);
    assert_true(clock_mono_us() - dead_us >= 900 * MS_US);
    arena_free(arena);
    cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_until_deleted),
        cmocka_unit_test(a_dead_server_is_a_miss_and_comes_back),
    };

    return cmocka_run_group_tests_name("cache", tests, start, stop);
}
