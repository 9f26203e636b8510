/* Texts and the form of a mail. */
#include "services/notifications/notifications.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const templates[] = {"visit_booked",
                                        "visit_moved",
                                        "visit_cancelled",
                                        "visit_reminder",
                                        "prescription_sent",
                                        "invoice_issued",
                                        "record_seen",
                                        "review_waits",
                                        "review_overdue",
                                        "much_read",
                                        ""};
static const struct notifications_settings settings = {
    .smtp = "127.0.0.1:25",
    .mail_from = "Clinic <no-reply@clinic.test>",
    .portal = "https://portal.test/a?b=c",
};

static void every_text_in_every_language(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        const struct text *const en = text_find(str_of(templates[i]), STR("en"));
        const struct text *const de = text_find(str_of(templates[i]), STR("de-CH"));

        assert_non_null(en);
        assert_string_equal(en->language, "en");
        assert_string_equal(de->language, "de");
        assert_string_equal(de->template, templates[i]);
        assert_null(strchr(en->body, '%')); /* nothing can be put in */
        assert_null(strchr(de->body, '%'));
        assert_ptr_equal(text_find(str_of(templates[i]), STR("tlh")), en);
        assert_ptr_equal(text_find(str_of(templates[i]), STR_NONE), en);
    }
    assert_null(text_find(STR("unheard_of"), STR("en")));
}

static void addresses(void **state)
{
    static const char *const good[] = {"a@b", "ada.l+x@mail.example.org", "o'hara@x-y.test"};
    static const char *const bad[] = {"",
                                      "a",
                                      "@b",
                                      "a@",
                                      "a@b@c",
                                      "a b@c",
                                      "<a@b>",
                                      "a@b\r\nBcc: c@d",
                                      "a,b@c",
                                      "\"a\"@b",
                                      "a@\xc3\xa4.test",
                                      "a@b\x7f"};
    char longest[MAIL_ADDRESS_BYTES_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(mail_address_ok(str_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(mail_address_ok(str_of(bad[i])));
    memset(longest, 'a', sizeof longest);
    longest[1] = '@';
    assert_true(mail_address_ok((struct str){longest, MAIL_ADDRESS_BYTES_MAX}));
    assert_false(mail_address_ok((struct str){longest, MAIL_ADDRESS_BYTES_MAX + 1}));
    assert_false(mail_address_ok(STR_NONE));
}

static void every_mail_has_its_form(void **state)
{
    struct arena *arena = arena_new(1024 * 1024);

    (void)state;
    for (size_t i = 0; i + 1 < sizeof templates / sizeof *templates; i++) {
        const struct mail mail = {.id = {{1, 2}},
                                  .to = "ada@mail.test",
                                  .text = text_find(str_of(templates[i]), STR("de"))};
        const struct str text = mail_print(arena, &settings, &mail, 1795310000000000);
        const char *const all = arena_cstr(arena, text);
        size_t column = 0;

        assert_non_null(
            strstr(all, "Message-ID: <01020000-0000-0000-0000-000000000000@clinic.test>\r\n"));
        assert_non_null(strstr(all, "To: ada@mail.test\r\n"));
        assert_non_null(strstr(all, "Date: Sun, 22 Nov 2026 01:13:20 +0000\r\n"));
        assert_non_null(strstr(all, "https://portal.test/a?b=3Dc\r\n"));
        for (size_t at = 0; at < text.n; at++) {
            column = text.p[at] == '\n' ? 0 : column + 1;
            assert_true(text.p[at] > 0 && column <= 77); /* ASCII; 76 and the CR */
            if (text.p[at] == '\n') assert_int_equal(text.p[at - 1], '\r');
        }
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_in_every_language),
        cmocka_unit_test(addresses),
        cmocka_unit_test(every_mail_has_its_form),
    };

    return cmocka_run_group_tests_name("mail", tests, NULL, NULL);
}
