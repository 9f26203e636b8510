#include "tests/unit/io/io_test.h"

/* What the handler was asked, echoed: "GET /path?query body". The path decides how. */
static void echo(struct http_call *call, void *user)
{
    static const char *const names[METHODS] = {[GET] = "GET", [POST] = "POST", [PUT] = "PUT",
                                               [PATCH] = "PATCH", [DELETE] = "DELETE", [WS] = "WS"};
    const struct h1_head *head = http_head(call);
    const struct bytes body = http_body(call);
    char text[8192];

    (void)user;
    const int n = snprintf(text, sizeof text, "%s %.*s?%.*s %.*s", names[head->method],
                           STR_ARG(head->path), STR_ARG(head->query), (int)body.n,
                           body.p ? (const char *)body.p : "");
    http_reply(call, 200, "text/plain", bytes_of(text, (size_t)n), NULL, 0);
}

static void requests_on_one_connection(void **state)
{
    struct server server;

    (void)state;
    server_start(&server, &HTTP_LIMITS, echo, NULL);
    server_run(&server);
    const int fd = client_connect(server.port);
    for (int i = 0; i < 3; i++) {
        client_say(fd, "GET /v1/x?a=b HTTP/1.1\r\nHost: a\r\n\r\n");
        const struct answer answer = client_answer(fd);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "GET /v1/x?a=b ");
        assert_non_null(strstr(answer.head, "cache-control: no-store"));
    }
    close(fd);
    server_end(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_on_one_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
