#include "common/io/kafka.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/http.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SAME_COMPLAINT_US MINUTE_US
#define PLAIN "plaintext://" /* tests with a mock cluster; loopback only */

/* ---- clients ---- */

/* Debian's librdkafka complains loudly about brokers that are still starting. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk, (void)level;
    log_line(LOG_DEBUG, "kafka", "%s: %s", facility, text);
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *user)
{
    static _Thread_local struct {
        int err;
        int64_t at_us;
    } last;
    const int64_t now_us = clock_mono_us();

    (void)rk, (void)user;
    if (last.err == err && now_us - last.at_us < SAME_COMPLAINT_US) return;
    last.err = err;
    last.at_us = now_us;
    log_line(LOG_WARN, "kafka_refused", "%s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)err),
             reason);
}

static void conf_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];

    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) return;
    log_line(LOG_FAULT, "kafka_setting", "%s: %s", name, why);
    abort();
}

bool kafka_is_mock(const char *brokers)
{
    return str_starts(str_of(brokers), PLAIN);
}

rd_kafka_conf_t *kafka_conf(const char *brokers, const struct http_tls *tls, const char *client,
                            const char *const *pairs)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    if (kafka_is_mock(brokers)) {
        brokers += sizeof PLAIN - 1;
        tls = NULL;
    }
    conf_set(conf, "bootstrap.servers", brokers);
    conf_set(conf, "client.id", client);
    conf_set(conf, "socket.nagle.disable", "true");
    conf_set(conf, "reconnect.backoff.ms", "50");
    conf_set(conf, "reconnect.backoff.max.ms", "500");
    conf_set(conf, "log.connection.close", "false");
    if (tls) {
        conf_set(conf, "security.protocol", "ssl");
        conf_set(conf, "ssl.ca.location", tls->ca);
        conf_set(conf, "ssl.certificate.location", tls->cert);
        conf_set(conf, "ssl.key.location", tls->key);
    }
    for (size_t i = 0; pairs[i]; i += 2) conf_set(conf, pairs[i], pairs[i + 1]);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    return conf;
}

static bool all_loopback(const char *brokers)
{
    for (const char *broker = brokers; *broker;) {
        const size_t n = strcspn(broker, ",");
        const struct str one = {broker, n};
        if (!str_starts(one, "127.") && !str_starts(one, "localhost:") &&
            !str_starts(one, "[::1]:")) {
            return false;
        }
        broker += n + (broker[n] == ',');
    }
    return true;
}

static bool conf_is_safe(rd_kafka_conf_t *conf)
{
    char protocol[32] = "", brokers[1024] = "";
    size_t n = sizeof protocol;

    rd_kafka_conf_get(conf, "security.protocol", protocol, &n);
    n = sizeof brokers;
    if (rd_kafka_conf_get(conf, "bootstrap.servers", brokers, &n) != RD_KAFKA_CONF_OK) return false;
    return strcmp(protocol, "ssl") == 0 || all_loopback(brokers);
}

rd_kafka_t *kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char why[256];
    rd_kafka_t *rk;

    if (!conf_is_safe(conf)) {
        (void)!err_raise(ERR_UNAVAILABLE,
                         "kafka is on another machine: set tls_ca, tls_cert, tls_key");
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rk = rd_kafka_new(type, conf, why, sizeof why);
    if (rk) return rk;
    (void)!err_raise(ERR_UNAVAILABLE, "kafka client: %s", why);
    rd_kafka_conf_destroy(conf);
    return NULL;
}

/* ---- headers ---- */

/* "appointments.visits.checked_in" */
static void type_name(const struct event *event, char *to, size_t n)
{
    const struct topic_info *info = topic_info(event->topic);
    const ProtobufCEnumDescriptor *kinds = info->message->fields[0].descriptor;
    const ProtobufCEnumValue *kind = protobuf_c_enum_descriptor_get_value(kinds, event->kind);
    const size_t stem = strlen(info->name) - strlen(".v1");

    snprintf(to, n, "%.*s.%s", (int)stem, info->name, kind ? kind->name : "unspecified");
    for (char *p = to + stem; *p; p++) *p = (char)tolower((unsigned char)*p);
}

static void header_add(rd_kafka_headers_t *headers, const char *name, const char *value)
{
    rd_kafka_header_add(headers, name, -1, value, -1);
}

static void header_add_number(rd_kafka_headers_t *headers, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, value);
    header_add(headers, name, text);
}

rd_kafka_headers_t *kafka_headers(const struct event *event, const char *service)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(12);
    char type[128], source[64], at[CLOCK_TEXT + 1];

    type_name(event, type, sizeof type);
    snprintf(source, sizeof source, "/telecura/%s", service);
    header_add(headers, "ce_specversion", "1.0");
    header_add(headers, "ce_id", UUID_ARG(event->id));
    header_add(headers, "ce_source", source);
    header_add(headers, "ce_type", type);
    header_add(headers, "ce_time", clock_format(event->at_us, at));
    header_add(headers, "content-type", "application/protobuf");
    header_add(headers, "org", UUID_ARG(event->org));
    header_add(headers, "act", UUID_ARG(event->act));
    header_add_number(headers, "kind", event->kind);
    header_add_number(headers, "version", event->version);
    header_add_number(headers, "epoch", event->epoch);
    header_add_number(headers, "at", event->at_us);
    return headers;
}

static struct str header_find(const rd_kafka_headers_t *headers, const char *name)
{
    const void *value;
    size_t n;

    if (rd_kafka_header_get_last(headers, name, &value, &n) != 0 || !value) return STR_NONE;
    return (struct str){value, n};
}

bool kafka_headers_read(const rd_kafka_headers_t *headers, struct event *ret_event)
{
    int64_t kind = 0;

    if (!uuid_parse(header_find(headers, "ce_id"), &ret_event->id) ||
        !uuid_parse(header_find(headers, "org"), &ret_event->org) ||
        !uuid_parse(header_find(headers, "act"), &ret_event->act) ||
        !str_int(header_find(headers, "kind"), 0, INT32_MAX, &kind) ||
        !str_int(header_find(headers, "version"), 0, INT64_MAX, &ret_event->version) ||
        !str_int(header_find(headers, "epoch"), 0, INT64_MAX, &ret_event->epoch) ||
        !str_int(header_find(headers, "at"), 0, INT64_MAX, &ret_event->at_us)) {
        return false;
    }
    ret_event->kind = (int)kind;
    return true;
}
