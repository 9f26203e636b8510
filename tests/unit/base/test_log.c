/* log and err: one valid line whatever the text, and faults with their origin. */
#include "common/base/err.h"
#include "common/base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

static int log_pipe[2], real_stderr;

/* What the log has written since the last call. */
static const char *logged(void)
{
    static char line[8192];
    const ssize_t n = read(log_pipe[0], line, sizeof line - 1);

    line[n > 0 ? n : 0] = 0;
    return line;
}

static int redirect(void **state)
{
    (void)state;
    real_stderr = dup(STDERR_FILENO);
    if (pipe2(log_pipe, O_NONBLOCK) != 0) return -1;
    return dup2(log_pipe[1], STDERR_FILENO) < 0;
}

static int restore(void **state)
{
    (void)state;
    log_act(UUID_NIL);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(log_pipe[0]);
    close(log_pipe[1]);
    return 0;
}

static void text_cannot_leave_its_line(void **state)
{
    const char *line;

    (void)state;
    log_open("visits", LOG_INFO);
    log_line(LOG_INFO, "started", "a\"b\\ \n{\"level\":\"fault\"} \x1b[31m \xff %d", 7);
    line = logged();
    assert_non_null(
        strstr(line, "\"level\":\"info\",\"service\":\"visits\",\"event\":\"started\","));
    assert_non_null(strstr(
        line, "\"text\":\"a\\\"b\\\\ \\n{\\\"level\\\":\\\"fault\\\"} \\u001b[31m \\ufffd 7\"}\n"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_null(strstr(line, "\"act\""));
}

static void a_long_text_still_ends_its_line(void **state)
{
    char text[5000];
    const char *line;

    (void)state;
    memset(text, '\x01', sizeof text - 1);
    text[sizeof text - 1] = 0;
    log_line(LOG_WARN, "long", "%s", text);
    line = logged();
    assert_true(strlen(line) > 1000 && strlen(line) <= 4096);
    assert_string_equal(line + strlen(line) - 3, "\"}\n");
}

static void lesser_levels_are_silent(void **state)
{
    (void)state;
    log_open("visits", LOG_WARN);
    log_line(LOG_INFO, "quiet", "x");
    assert_string_equal(logged(), "");
    log_line(LOG_WARN, "loud", "x");
    assert_non_null(strstr(logged(), "\"level\":\"warn\""));
}

static err_t failing(void)
{
    TRY(err_raise(ERR_CORRUPT, "row %d", 12));
    return ERR_OK;
}

static void a_fault_names_its_origin_and_act(void **state)
{
    struct uuid act;
    const char *line;

    (void)state;
    assert_true(uuid_parse(STR("0190a5b4-7c11-7abc-8def-0123456789ab"), &act));
    log_act(act);
    assert_int_equal(failing(), ERR_CORRUPT);
    line = logged();
    assert_non_null(strstr(line, "\"level\":\"fault\""));
    assert_non_null(strstr(line, "\"act\":\"0190a5b4-7c11-7abc-8def-0123456789ab\""));
    assert_non_null(strstr(line, "\"fault\":\"CORRUPT\",\"line\":\""));
    assert_non_null(strstr(line, "test_log.c:"));
    assert_non_null(strstr(line, "\"text\":\"row 12\"}\n"));
}

static void every_error_is_in_the_table(void **state)
{
    (void)state;
    for (unsigned i = 1; i < ERR_MAX; i++) {
        const struct err_info *const info = err_info((err_t)i);

        assert_in_range(info->status, 400, 599);
        if (info->kind == FAULT) assert_true(info->status >= 500);
        assert_true(*info->text && *info->code);
        for (unsigned k = 1; k < i; k++)
            assert_string_not_equal(info->code, err_info((err_t)k)->code);
    }
    assert_false(err_is_fault(ERR_OK));
    assert_false(err_is_fault(ERR_NOT_FOUND));
    assert_true(err_is_fault(ERR_BUSY));
    assert_string_equal(err_info((err_t)9999)->name, "INTERNAL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_cannot_leave_its_line, redirect, restore),
        cmocka_unit_test_setup_teardown(a_long_text_still_ends_its_line, redirect, restore),
        cmocka_unit_test_setup_teardown(lesser_levels_are_silent, redirect, restore),
        cmocka_unit_test_setup_teardown(a_fault_names_its_origin_and_act, redirect, restore),
        cmocka_unit_test(every_error_is_in_the_table),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
