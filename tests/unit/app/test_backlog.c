/* Which acts wait for room in the audit log, and which never do. */
#include "common/app/backlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void each_class_waits_from_its_own_share_on(void **state)
{
    static const struct {
        int64_t percent;
        bool bulk, daily;
    } rows[] = {
        {0, false, false}, {79, false, false}, {80, true, false}, {94, true, false},
        {95, true, true},  {100, true, true},  {5000, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(backlog_refuses(BULK, rows[i].percent), rows[i].bulk);
        assert_int_equal(backlog_refuses(DAILY, rows[i].percent), rows[i].daily);
        assert_false(backlog_refuses(URGENT, rows[i].percent));
    }
}

/* Every word that the table must not make wait: what a visit that is held needs, and what takes a
 * right away. A new word of these kinds is asked for its class by its last part. */
static void what_care_and_revoking_need_never_waits(void **state)
{
    static const char *const never[] = {
        "visit.read",   "visit.check_in", "visit.admit",  "visit.start",    "visit.end",
        "grant.mint",   "grant.revoke",   "channel.open", "message.send",   "message.read",
        "call.join",    "chart.read",     "chart.write",  "patient.read",   "note.write",
        "note.read",    "queue.read",     "consent.give", "consent.revoke", "relation.close",
        "person.disable", "prescription.sign", "key.use", "key.destroy",
    };
    size_t found = 0;

    (void)state;
    for (enum audit_action action = 0; action < AUDIT_ACTIONS; action++) {
        for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
            if (strcmp(audit_word(action), never[i]) != 0) continue;
            assert_int_equal(audit_class(action), URGENT);
            found++;
        }
    }
    assert_int_equal(found, sizeof never / sizeof *never);
}

static void searches_and_lists_of_everybody_wait_first(void **state)
{
    (void)state;
    for (enum audit_action action = 0; action < AUDIT_ACTIONS; action++) {
        const char *const word = audit_word(action);
        const bool bulk = strstr(word, ".search") || strcmp(word, "patient.list") == 0 ||
                          strcmp(word, "audit.breach_scope") == 0 ||
                          strcmp(word, "audit.access_review") == 0;

        assert_int_equal(audit_class(action) == BULK, bulk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_waits_from_its_own_share_on),
        cmocka_unit_test(what_care_and_revoking_need_never_waits),
        cmocka_unit_test(searches_and_lists_of_everybody_wait_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
