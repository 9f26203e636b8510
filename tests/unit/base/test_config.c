/* config: sources in their order, and every fault at once. */
#include "common/base/config.h"
#include "common/base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct settings {
    const char *name, *certificate, *key;
    int64_t port, workers;
    bool plain;
    struct uuid org;
};

#define AT(member) offsetof(struct settings, member)
static const struct setting common_rows[] = {
    {"name", SETTING_TEXT, AT(name), NULL, 0, 0, "what the service calls itself"},
    {"port", SETTING_INT, AT(port), "8443", 1, 65535, "where it listens"},
    {"plain", SETTING_BOOL, AT(plain), "false", 0, 0, "also without TLS"},
    {0},
};
static const struct setting own_rows[] = {
    {"workers", SETTING_INT, AT(workers), "4", 1, 64, "threads"},
    {"certificate", SETTING_PATH, AT(certificate), "", 0, 0, "PEM"},
    {"org", SETTING_UUID, AT(org), "", 0, 0, "whose it is"},
    {"key", SETTING_SECRET, AT(key), "", 0, 0, "file that holds the key"},
    {0},
};
static const struct setting *const tables[] = {common_rows, own_rows, NULL};

static char said[4096];

static void write_file(const char *name, const char *text)
{
    FILE *const file = fopen(name, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Loads from a file with @text; what it complained about is in @said. */
static err_t load(const char *text, struct settings *settings)
{
    char name[] = "/tmp/test_config.XXXXXX";
    const int fd = mkstemp(name);
    FILE *const out = fmemopen(said, sizeof said, "w");
    err_t err;

    assert_true(fd >= 0 && out);
    close(fd);
    write_file(name, text);
    memset(said, 0, sizeof said);
    err = config_load(tables, name, settings, out);
    fclose(out);
    unlink(name);
    return err;
}

static void later_sources_win(void **state)
{
    struct settings settings = {0};

    (void)state;
    setenv("TELECURA_WORKERS", "9", 1);
    assert_int_equal(load("# a comment\n\n name = visits = 2 \nworkers=5\nplain = true", &settings),
                     ERR_OK);
    unsetenv("TELECURA_WORKERS");
    assert_string_equal(settings.name, "visits = 2");
    assert_int_equal(settings.workers, 9);
    assert_int_equal(settings.port, 8443);
    assert_true(settings.plain);
    assert_string_equal(settings.certificate, "");
    assert_true(uuid_is_nil(settings.org));
    assert_string_equal(said, "");
    assert_int_equal(load("name = x\norg = 01890000-0000-7000-8000-000000000001", &settings),
                     ERR_OK);
    assert_string_equal(UUID_ARG(settings.org), "01890000-0000-7000-8000-000000000001");
}

static void every_fault_is_told_at_once(void **state)
{
    static const char *const expected[] = {
        ":1: colour: unknown key", ":2: port: not a whole number in 1..65535",
        ":3: plain: write true or false", ":4: not a setting", ":6: workers: set before in line 5",
        ":7: key: the file that should hold the secret", ":8: org: not an id (a UUID): whose it is",
        "name: missing: what the service calls itself",
    };
    struct settings settings;

    (void)state;
    assert_int_equal(load("colour = red\nport = 99999\nplain = yes\nnonsense\nworkers = 3\n"
                          "workers = 4\nkey = /nowhere/hunter2\norg = 0189\n",
                          &settings),
                     ERR_BAD_REQUEST);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_non_null(strstr(said, expected[i]));
    assert_null(strstr(said, "hunter2")); /* values are not quoted */
}

static void the_environment_is_checked_too(void **state)
{
    struct settings settings;

    (void)state;
    setenv("TELECURA_PORT", "0", 1);
    assert_int_equal(load("name = x\n", &settings), ERR_BAD_REQUEST);
    unsetenv("TELECURA_PORT");
    assert_non_null(strstr(said, "environment: port: not a whole number"));
}

static void a_secret_stands_there_or_in_a_file(void **state)
{
    char name[] = "/tmp/test_secret.XXXXXX", text[100];
    const int fd = mkstemp(name);
    struct settings settings;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    write_file(name, "correct horse\nnot this\n");
    snprintf(text, sizeof text, "name = x\nkey = %s\n", name);
    assert_int_equal(load(text, &settings), ERR_OK);
    assert_string_equal(settings.key, "correct horse");
    unlink(name);
    assert_int_equal(load("name = x\nkey = host=/run user=a\n", &settings), ERR_OK);
    assert_string_equal(settings.key, "host=/run user=a");
    assert_int_equal(load("name = x\n", &settings), ERR_OK);
    assert_string_equal(settings.key, "");
}

static void a_file_that_is_not_there_is_a_fault(void **state)
{
    FILE *const out = fmemopen(said, sizeof said, "w");
    struct settings settings;

    (void)state;
    assert_int_equal(config_load(tables, "/nowhere/at.all", &settings, out), ERR_BAD_REQUEST);
    fclose(out);
    assert_non_null(strstr(said, "/nowhere/at.all: cannot be read: No such file"));
    assert_non_null(strstr(said, "name: missing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(every_fault_is_told_at_once),
        cmocka_unit_test(the_environment_is_checked_too),
        cmocka_unit_test(a_secret_stands_there_or_in_a_file),
        cmocka_unit_test(a_file_that_is_not_there_is_a_fault),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
