/* keys against a keyd of this process: TLS over a Unix socket, every answer counted. */
#include "common/base/clock.h"
#include "common/io/http.h"
#include "common/io/keys.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_keys.XXXXXX", socket_path[64], ca[64], cert[64], key_file[64];
static char stranger_cert[64], stranger_key[64];
static const struct http_tls files = {ca, cert, key_file};

/* ---- a keyd ---- */

static _Atomic unsigned asked, accepted;
static _Atomic int status = 200;
static _Atomic bool mute, hang_up; /* says nothing; ends the connection after an answer */
static char last_request[2048];
static struct uuid dek;
static int listener;
static SSL_CTX *server_tls;

static void answer(SSL *ssl)
{
    char id[UUID_TEXT + 1], head[128], json[256];

    snprintf(json, sizeof json,
             "{\"dek_id\":\"%s\",\"key\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}",
             uuid_format(dek, id));
    const int n = snprintf(head, sizeof head,
                           "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                           "Content-Length: %zu\r\n\r\n", status, strlen(json));
    SSL_write(ssl, head, n);
    SSL_write(ssl, json, (int)strlen(json));
}

static void *serve(void *user)
{
    const int fd = *(int *)user;
    SSL *ssl = SSL_new(server_tls);

    free(user);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        for (int n; (n = SSL_read(ssl, last_request, sizeof last_request - 1)) > 0;) {
            last_request[n] = '\0';
            asked++;
            if (mute) continue;
            answer(ssl);
            if (hang_up) break;
        }
    }
    SSL_free(ssl);
    close(fd);
    return NULL;
}

static void *accept_all(void *user)
{
    for (;;) {
        pthread_t thread;
        int *fd = malloc(sizeof *fd);
        if (!fd) abort();
        *fd = accept(listener, NULL, NULL);
        if (*fd < 0) {
            free(fd);
            return user;
        }
        accepted++;
        pthread_create(&thread, NULL, serve, fd);
        pthread_detach(thread);
    }
}

static SSL_CTX *server_with(const char *cert_path, const char *key_path)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    assert_int_equal(SSL_CTX_load_verify_locations(tls, ca, NULL), 1);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(tls, cert_path), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(tls, key_path, SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return tls;
}

static void make_cert(const char *name)
{
    char command[1024];

    snprintf(command, sizeof command,
             "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
             " -keyout %s.key -out %s.pem -subj /CN=%s -addext subjectAltName=DNS:%s 2>/dev/null"
             " && cat %s.pem >>ca.pem", folder, name, name, name, name, name);
    if (system(command) != 0) fail_msg("openssl failed");
}

static pthread_t server_thread;

static int start(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(folder)) return -1;
    snprintf(socket_path, sizeof socket_path, "%s/keyd.sock", folder);
    snprintf(ca, sizeof ca, "%s/ca.pem", folder);
    snprintf(cert, sizeof cert, "%s/keyd.pem", folder);
    snprintf(key_file, sizeof key_file, "%s/keyd.key", folder);
    snprintf(stranger_cert, sizeof stranger_cert, "%s/billing.pem", folder);
    snprintf(stranger_key, sizeof stranger_key, "%s/billing.key", folder);
    make_cert("keyd");
    make_cert("billing");
    server_tls = server_with(cert, key_file);
    memcpy(at.sun_path, socket_path, strlen(socket_path));
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0) return -1;
    if (listen(listener, 64) != 0) return -1;
    return pthread_create(&server_thread, NULL, accept_all, NULL);
}

static int stop(void **state)
{
    char command[128];

    (void)state;
    shutdown(listener, SHUT_RDWR);
    pthread_join(server_thread, NULL);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static int given(void **state)
{
    asked = accepted = 0;
    status = 200;
    mute = hang_up = false;
    dek = uuid_v4();
    *state = keys_new(socket_path, &files, 64);
    return 0;
}

static int over(void **state)
{
    keys_free(*state);
    return 0;
}

static struct key_name a_name(void)
{
    return (struct key_name){uuid_v4(), uuid_v4(), "visit"};
}

/* ---- the tests ---- */

static void a_key_is_asked_for_once(void **state)
{
    const struct key_name name = a_name(), other = a_name();
    struct key key = {UUID_NIL, {0}};
    char id[UUID_TEXT + 1];

    assert_int_equal(keys_to_seal(*state, &name, &key), ERR_OK);
    assert_true(uuid_equal(key.id, dek));
    for (uint8_t i = 0; i < AEAD_KEY_BYTES; i++) assert_int_equal(key.secret[i], i);
    assert_non_null(strstr(last_request, "POST /v1/keys/seal HTTP/1.1\r\n"));
    assert_non_null(strstr(last_request, uuid_format(name.patient, id)));
    assert_null(strstr(last_request, "dek_id"));
    assert_int_equal(keys_to_seal(*state, &name, &key), ERR_OK);
    assert_int_equal(keys_to_open(*state, &name, dek, &key), ERR_OK);
    assert_int_equal(asked, 1);
    assert_int_equal(keys_to_seal(*state, &other, &key), ERR_OK);
    assert_int_equal(asked, 2);
    assert_int_equal(accepted, 1); /* on the same connection */
}

/* What was opened may be old: it is not what the next sealing takes. */
static void an_opened_key_does_not_seal(void **state)
{
    const struct key_name name = a_name();
    struct key key;

    assert_int_equal(keys_to_open(*state, &name, dek, &key), ERR_OK);
    assert_non_null(strstr(last_request, "POST /v1/keys/open HTTP/1.1\r\n"));
    assert_non_null(strstr(last_request, "dek_id"));
    assert_int_equal(keys_to_open(*state, &name, dek, &key), ERR_OK);
    assert_int_equal(asked, 1);
    assert_int_equal(keys_to_seal(*state, &name, &key), ERR_OK);
    assert_int_equal(asked, 2);
}

static void another_key_than_asked_for_is_refused(void **state)
{
    const struct key_name name = a_name();
    struct key key;

    assert_int_equal(keys_to_open(*state, &name, uuid_v4(), &key), ERR_KEY_UNAVAILABLE);
}

static void answers_become_errors(void **state)
{
    const struct key_name name = a_name();
    struct key key;

    status = 404; /* erased */
    assert_int_equal(keys_to_open(*state, &name, dek, &key), ERR_NOT_FOUND);
    assert_int_equal(keys_to_seal(*state, &name, &key), ERR_NOT_FOUND);
    status = 403;
    assert_int_equal(keys_to_seal(*state, &name, &key), ERR_INTERNAL);
    status = 500;
    assert_int_equal(keys_to_seal(*state, &name, &key), ERR_KEY_UNAVAILABLE);
    status = 201;
    assert_int_equal(keys_to_seal(*state, &name, &key), ERR_OK); /* no error was cached */
}

static void silence_costs_one_call(void **state)
{
    const struct key_name name = a_name();
    const int64_t start_us = clock_mono_us();
    struct key key;

    mute = true;
    assert_int_equal(keys_to_seal(*state, &name, &key), ERR_KEY_UNAVAILABLE);
    assert_in_range(clock_mono_us() - start_us, KEYS_CALL_MS * MS_US, 3 * KEYS_CALL_MS * MS_US);
}

static void a_closed_connection_is_replaced(void **state)
{
    const struct key_name first = a_name(), second = a_name();
    struct key key;

    hang_up = true;
    assert_int_equal(keys_to_seal(*state, &first, &key), ERR_OK);
    assert_int_equal(keys_to_seal(*state, &second, &key), ERR_OK);
    assert_int_equal(accepted, 2);
}

static void nobody_there_is_unavailable(void **state)
{
    const struct key_name name = a_name();
    struct keys *keys = keys_new("/nonexistent/keyd.sock", &files, 8);
    struct key key;

    (void)state;
    assert_int_equal(keys_to_seal(keys, &name, &key), ERR_KEY_UNAVAILABLE);
    keys_free(keys);
}

/* A service with a good certificate is not keyd. */
static void another_service_is_not_keyd(void **state)
{
    const struct key_name name = a_name();
    SSL_CTX *keyd_tls = server_tls;
    struct key key;

    server_tls = server_with(stranger_cert, stranger_key);
    assert_int_equal(keys_to_seal(*state, &name, &key), ERR_KEY_UNAVAILABLE);
    assert_int_equal(asked, 0);
    SSL_CTX_free(server_tls);
    server_tls = keyd_tls;
}

static void an_erased_patients_keys_are_dropped(void **state)
{
    const struct key_name erased = a_name(), kept = a_name();
    struct key key;

    assert_int_equal(keys_to_seal(*state, &erased, &key), ERR_OK);
    assert_int_equal(keys_to_seal(*state, &kept, &key), ERR_OK);
    keys_drop(*state, erased.patient);
    status = 404;
    assert_int_equal(keys_to_open(*state, &erased, dek, &key), ERR_NOT_FOUND);
    assert_int_equal(keys_to_open(*state, &kept, dek, &key), ERR_OK);
}

static void a_key_ends_though_nobody_asks_for_it(void **state)
{
    const struct key_name name = a_name();
    struct key key;

    assert_int_equal(keys_to_seal(*state, &name, &key), ERR_OK);
    keys_sweep(*state, clock_mono_us() + 14 * MINUTE_US);
    assert_true(keys_cached(*state, &name, &key));
    keys_sweep(*state, clock_mono_us() + 15 * MINUTE_US);
    assert_false(keys_cached(*state, &name, &key));
}

static void a_small_cache_forgets_but_answers(void **state)
{
    struct keys *keys = keys_new(socket_path, &files, 8);
    struct key key;

    (void)state;
    for (int i = 0; i < 100; i++) {
        const struct key_name name = a_name();
        assert_int_equal(keys_to_seal(keys, &name, &key), ERR_OK);
        assert_int_equal(keys_to_seal(keys, &name, &key), ERR_OK);
    }
    assert_int_equal(asked, 100);
    keys_free(keys);
}

struct crowd {
    struct keys *keys;
    const struct key_name *name;
    pthread_barrier_t *together;
};

static void *one_of_many(void *user)
{
    const struct crowd *crowd = user;
    struct key key;

    pthread_barrier_wait(crowd->together);
    return keys_to_seal(crowd->keys, crowd->name, &key) == ERR_OK ? NULL : user;
}

static void many_who_ask_at_once_make_one_call(void **state)
{
    const struct key_name name = a_name();
    pthread_barrier_t together;
    struct crowd crowd = {*state, &name, &together};
    pthread_t threads[16];

    pthread_barrier_init(&together, NULL, 16);
    for (int i = 0; i < 16; i++) pthread_create(&threads[i], NULL, one_of_many, &crowd);
    for (int i = 0; i < 16; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(asked, 1);
    pthread_barrier_destroy(&together);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, given, over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_asked_for_once),
        TEST(an_opened_key_does_not_seal),
        TEST(another_key_than_asked_for_is_refused),
        TEST(answers_become_errors),
        TEST(silence_costs_one_call),
        TEST(a_closed_connection_is_replaced),
        TEST(nobody_there_is_unavailable),
        TEST(another_service_is_not_keyd),
        TEST(an_erased_patients_keys_are_dropped),
        TEST(a_key_ends_though_nobody_asks_for_it),
        TEST(a_small_cache_forgets_but_answers),
        TEST(many_who_ask_at_once_make_one_call),
    };

    return cmocka_run_group_tests_name("keys", tests, start, stop);
}
