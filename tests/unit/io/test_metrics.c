#include "common/io/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct metric booked = {.name = "acts_total", .labels = "route=\"book\""};
static struct metric depth = {.name = "queue_depth", .labels = ""};
static struct metric listed = {.name = "acts_total", .labels = "route=\"list\""};
static struct histogram took = {.name = "act_seconds", .labels = ""};

/* Prometheus wants the lines of one name together, whenever they were registered. */
static void lines_of_a_name_stand_together(void **state)
{
    struct arena *arena = arena_new(64 * 1024);

    (void)state;
    metrics_add(&booked);
    metrics_add(&depth);
    metrics_add(&listed);
    metrics_add(&booked); /* once means once */
    metrics_count(&booked, 2);
    metrics_count(&depth, 5);
    metrics_count(&depth, -1);
    const struct str text = metrics_print(arena, "x");
    assert_string_equal(arena_cstr(arena, text),
                        "# TYPE telecura_acts_total counter\n"
                        "telecura_acts_total{service=\"x\",route=\"book\"} 2\n"
                        "telecura_acts_total{service=\"x\",route=\"list\"} 0\n"
                        "# TYPE telecura_queue_depth gauge\n"
                        "telecura_queue_depth{service=\"x\"} 4\n");
    arena_free(arena);
}

static void buckets_add_up_and_the_last_takes_all(void **state)
{
    struct arena *arena = arena_new(64 * 1024);

    (void)state;
    metrics_add_histogram(&took);
    metrics_time(&took, 0);
    metrics_time(&took, 64); /* bounds belong to their bucket */
    metrics_time(&took, 65);
    metrics_time(&took, 8388608);
    metrics_time(&took, 8388609);
    const char *text = arena_cstr(arena, metrics_print(arena, "x"));
    assert_non_null(strstr(text, "\n# TYPE telecura_act_seconds histogram\n"));
    assert_non_null(strstr(text, "telecura_act_seconds_bucket{service=\"x\",le=\"0.000064\"} 2\n"));
    assert_non_null(strstr(text, "telecura_act_seconds_bucket{service=\"x\",le=\"0.000128\"} 3\n"));
    assert_non_null(strstr(text, "telecura_act_seconds_bucket{service=\"x\",le=\"8.388608\"} 4\n"));
    assert_non_null(strstr(text, "telecura_act_seconds_bucket{service=\"x\",le=\"+Inf\"} 5\n"));
    assert_non_null(strstr(text, "telecura_act_seconds_sum{service=\"x\"} 16.777346\n"));
    assert_non_null(strstr(text, "telecura_act_seconds_count{service=\"x\"} 5\n"));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_a_name_stand_together),
        cmocka_unit_test(buckets_add_up_and_the_last_takes_all),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
