#include "common/io/producer.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/kafka.h"

#include <stdlib.h>

#define TURN_MS 50
#define STUCK_US (5 * SECOND_US) /* without any answer */
#define MESSAGE_BYTES_MAX "1000000"

struct producer {
    const char *service, *kafka;
    const struct http_tls *tls;
    rd_kafka_t *rk; /* NULL: made at the next send */
    size_t waiting;
    int64_t answered_us; /* last */
    bool stuck;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *user)
{
    struct producer *producer = user;
    struct sending *sending = message->_private;

    (void)rk;
    producer->waiting--;
    producer->answered_us = clock_mono_us();
    sending->refused = producer->stuck;
    sending->sent = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (sending->sent || message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
        message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
        message->err == RD_KAFKA_RESP_ERR__FATAL) {
        return;
    }
    sending->refused = true;
    /* Kafka does not tell a missing topic from a missing right. */
    (void)!err_raise(
        ERR_UNAVAILABLE, "kafka refuses %s: %s (is there such a topic, and may %s write it?)",
        topic_info(sending->topic)->name, rd_kafka_err2name(message->err), producer->service);
}

/* Has Kafka tell of every topic that this service writes. Otherwise the first event of each waits
 * for it, a second and more, and that may be a revocation. */
static void topics_ask(struct producer *producer)
{
    for (enum topic topic = TOPIC_NONE + 1; producer->rk && topic < TOPIC_MAX; topic++) {
        const struct topic_info *info = topic_info(topic);

        if (!topic_names(info->producers, producer->service)) continue;
        rd_kafka_topic_t *known = rd_kafka_topic_new(producer->rk, info->name, NULL);
        if (known) rd_kafka_topic_destroy(known); /* the client keeps what it knows of it */
    }
}

static rd_kafka_t *client(struct producer *producer)
{
    /* clang-format off */
    static const char *const settings[] = {
        "enable.idempotence", "true",
        "acks", "all",
        "linger.ms", "0",
        "message.timeout.ms", "0",
        "partitioner", "murmur2_random",
        "message.max.bytes", MESSAGE_BYTES_MAX,
        NULL,
    };
    /* clang-format on */
    rd_kafka_conf_t *conf;

    if (producer->rk) return producer->rk;
    conf = kafka_conf(producer->kafka, producer->tls, producer->service, settings);
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    producer->rk = kafka_new(RD_KAFKA_PRODUCER, conf);
    topics_ask(producer);
    return producer->rk;
}

/* Gives up what is under way; every message reports back first. */
static void client_drop(struct producer *producer)
{
    if (!producer->rk) return;
    rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (producer->waiting > 0) rd_kafka_poll(producer->rk, TURN_MS);
    rd_kafka_destroy(producer->rk);
    producer->rk = NULL;
}

struct producer *producer_new(const char *service, const char *kafka, const struct http_tls *tls)
{
    struct producer *producer = calloc(1, sizeof *producer);

    if (!producer) abort();
    *producer = (struct producer){.service = service, .kafka = kafka, .tls = tls};
    client(producer);
    return producer;
}

struct producer *producer_free(struct producer *producer)
{
    if (!producer) return NULL;
    client_drop(producer);
    free(producer);
    return NULL;
}

void producer_send(struct producer *producer, const struct event *event, struct bytes payload,
                   struct sending *sending)
{
    rd_kafka_t *rk = client(producer);
    rd_kafka_headers_t *headers;
    rd_kafka_resp_err_t err;

    *sending = (struct sending){.org = event->org, .id = event->id, .topic = event->topic};
    if (!rk) return;
    headers = kafka_headers(event, producer->service);
    err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic_info(event->topic)->name),
                            RD_KAFKA_V_KEY((void *)(uintptr_t)event->key.b, sizeof event->key.b),
                            RD_KAFKA_V_VALUE((void *)(uintptr_t)payload.p, payload.n),
                            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers),
                            RD_KAFKA_V_OPAQUE(sending), RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        producer->waiting++;
        return;
    }
    rd_kafka_headers_destroy(headers);
    if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL || err == RD_KAFKA_RESP_ERR__FATAL) return;
    sending->refused = true;
    (void)!err_raise(ERR_UNAVAILABLE, "kafka refuses %s: %s", topic_info(event->topic)->name,
                     rd_kafka_err2name(err));
}

/* For good, as when Kafka refuses a producer id before this service has its rights. Also asked when
 * nothing waits: a client in that state takes nothing more. */
static bool client_broke(struct producer *producer)
{
    char why[256];

    if (rd_kafka_fatal_error(producer->rk, why, sizeof why) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    (void)!err_raise(ERR_UNAVAILABLE, "kafka client broke: %s", why);
    client_drop(producer);
    return true;
}

void producer_wait(struct producer *producer, bool (*go_on)(void *), void *user)
{
    producer->answered_us = clock_mono_us();
    producer->stuck = false;
    while (producer->rk && !client_broke(producer) && producer->waiting > 0) {
        rd_kafka_poll(producer->rk, TURN_MS);
        if (producer->waiting == 0) continue;

        producer->stuck = clock_mono_us() - producer->answered_us > STUCK_US;
        if (producer->stuck)
            log_line(LOG_WARN, "kafka_silent", "%zu events wait", producer->waiting);
        if (producer->stuck || !go_on(user)) client_drop(producer);
    }
}
