#include "common/io/consumer_own.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/pb.h"

#include <poll.h>
#include <stdlib.h>

#define RETRY_MS 1000
#define LEAVE_US (5 * SECOND_US)

const char *consumer_read(const rd_kafka_message_t *record, struct arena *arena,
                          struct event *ret_event)
{
    const enum topic topic = topic_find(str_of(rd_kafka_topic_name(record->rkt)));
    const struct bytes key = bytes_of(record->key, record->key_len);
    ProtobufCMessage *message = NULL;
    rd_kafka_headers_t *headers;

    *ret_event = (struct event){
        .topic = topic,
        .partition = record->partition,
        .offset = record->offset,
    };
    if (rd_kafka_message_headers(record, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return "no_headers";
    if (!kafka_headers_read(headers, ret_event)) return "bad_headers";
    if (!uuid_from_bytes(key, &ret_event->key)) return "bad_key";
    if (!record->payload) return NULL;
    if (pb_unpack(topic_info(topic)->message, bytes_of(record->payload, record->len), arena,
                  &message) != ERR_OK) {
        return "bad_body";
    }
    ret_event->message = message;
    return NULL;
}

rd_kafka_topic_partition_list_t *consumer_topics(const struct consumer *consumer, enum hearing mode)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(TOPIC_MAX);

    for (const struct consumer_topic *t = consumer->config.topics; t->topic != TOPIC_NONE; t++) {
        if (t->mode != mode) continue;
        rd_kafka_topic_partition_list_add(list, topic_info(t->topic)->name, RD_KAFKA_PARTITION_UA);
    }
    return list;
}

rd_kafka_t *consumer_client(struct consumer *consumer, const char *const *settings,
                            void (*rebalance)(rd_kafka_t *, rd_kafka_resp_err_t,
                                              rd_kafka_topic_partition_list_t *, void *),
                            void *user)
{
    const struct consumer_config *config = &consumer->config;
    /* A broker answers a fetch once there is something; librdkafka's mock sleeps to the end. */
    const char *wait_ms = kafka_is_mock(config->kafka) ? "50" : "500";

    while (!consumer->stopping) {
        rd_kafka_conf_t *conf = kafka_conf(config->kafka, config->tls, config->service, settings);
        rd_kafka_t *rk;
        rd_kafka_conf_set(conf, "fetch.wait.max.ms", wait_ms, NULL, 0);
        rd_kafka_conf_set_opaque(conf, user);
        if (rebalance) rd_kafka_conf_set_rebalance_cb(conf, rebalance);
        rk = kafka_new(RD_KAFKA_CONSUMER, conf);
        if (rk) {
            rd_kafka_poll_set_consumer(rk);
            return rk;
        }
        consumer_rest(consumer, RETRY_MS);
    }
    return NULL;
}

void consumer_client_end(rd_kafka_t *rk)
{
    const int64_t until_us = clock_mono_us() + LEAVE_US;
    rd_kafka_queue_t *asks = rd_kafka_queue_new(rk);
    rd_kafka_error_t *no = rd_kafka_consumer_close_queue(rk, asks);

    while (!no && !rd_kafka_consumer_closed(rk) && clock_mono_us() < until_us) {
        /* What was fetched comes this way, too; rd_kafka_queue_poll_callback() aborts at it. */
        rd_kafka_message_t *unread = rd_kafka_consume_queue(asks, CONSUMER_POLL_MS);
        if (unread) rd_kafka_message_destroy(unread);
    }
    const bool left = rd_kafka_consumer_closed(rk);
    if (no) rd_kafka_error_destroy(no);
    rd_kafka_queue_destroy(asks);
    if (left) rd_kafka_destroy(rk);
    else log_line(LOG_WARN, "group_not_left", "Kafka did not answer the goodbye of a consumer");
}

void consumer_rest(const struct consumer *consumer, int ms)
{
    const int64_t until_us = clock_mono_us() + ms * MS_US;

    while (!consumer->stopping && clock_mono_us() < until_us) poll(NULL, 0, CONSUMER_POLL_MS);
}

static bool hears(const struct consumer_config *config, enum hearing mode)
{
    for (const struct consumer_topic *t = config->topics; t->topic != TOPIC_NONE; t++) {
        if (t->mode == mode) return true;
    }
    return false;
}

struct consumer *consumer_start(const struct consumer_config *config)
{
    struct consumer *consumer = calloc(1, sizeof *consumer);

    if (!consumer) abort();
    consumer->config = *config;
    for (size_t i = 0; i < TOPIC_MAX; i++) consumer->behind[i] = -1;
    consumer->feeds = hears(config, EFFECT);
    consumer->watches = hears(config, WATCH);
    if (consumer->feeds && pthread_create(&consumer->feed, NULL, feed_run, consumer) != 0) abort();
    if (consumer->watches && pthread_create(&consumer->watch, NULL, watch_run, consumer) != 0)
        abort();
    return consumer;
}

struct consumer *consumer_stop(struct consumer *consumer)
{
    if (!consumer) return NULL;
    consumer->stopping = true;
    if (consumer->feeds) pthread_join(consumer->feed, NULL);
    if (consumer->watches) pthread_join(consumer->watch, NULL);
    free(consumer);
    return NULL;
}

bool consumer_caught_up(const struct consumer *consumer, enum topic topic)
{
    return consumer->behind[topic] == 0;
}
