/* WATCH: all partitions of a topic into the memory of every replica. */
#include "common/io/consumer_own.h"

#include "common/base/log.h"

#include <stdlib.h>

#define METADATA_MS 1000
#define COMPLAIN_EVERY 50 /* tries for a topic that is not there, or not for us */

struct watch {
    struct consumer *consumer;
    rd_kafka_t *rk;
    struct arena *arena;
    bool (*ended)[TOPIC_MAX]; /* [partition][topic]: its end was seen once */
    int32_t partitions_max;
};

/* Partitions of @name; 0: nobody knows yet. */
static int32_t partition_count(rd_kafka_t *rk, const char *name, bool complain)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    int32_t count = 0;

    if (topic &&
        rd_kafka_metadata(rk, 0, topic, &metadata, METADATA_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (metadata->topic_cnt == 1) count = metadata->topics[0].partition_cnt;
        if (count == 0 && metadata->topic_cnt == 1 && complain) {
            log_line(LOG_WARN, "kafka_waits", "%s: %s", name,
                     rd_kafka_err2name(metadata->topics[0].err));
        }
        rd_kafka_metadata_destroy(metadata);
    }
    if (topic) rd_kafka_topic_destroy(topic);
    return count;
}

static void assign_all(struct watch *watch)
{
    struct consumer *consumer = watch->consumer;
    rd_kafka_topic_partition_list_t *names = consumer_topics(consumer, WATCH);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(16);

    for (int i = 0; i < names->cnt; i++) {
        const char *name = names->elems[i].topic;
        const enum topic topic = topic_find(str_of(name));
        int32_t count = 0;
        for (unsigned tries = 1; !consumer->stopping; tries++) {
            count = partition_count(watch->rk, name, tries % COMPLAIN_EVERY == 0);
            if (count > 0) break;
            rd_kafka_message_t *none = rd_kafka_consumer_poll(watch->rk, CONSUMER_POLL_MS);
            if (none) rd_kafka_message_destroy(none);
        }
        for (int32_t p = 0; p < count; p++) {
            rd_kafka_topic_partition_list_add(all, name, p)->offset =
                topic == TOPIC_REVOCATIONS ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
        }
        consumer->behind[topic] = count > 0 ? count : -1;
        if (count > watch->partitions_max) watch->partitions_max = count;
    }
    watch->ended = calloc((size_t)watch->partitions_max + 1, sizeof *watch->ended);
    if (!watch->ended) abort();
    if (!consumer->stopping) rd_kafka_assign(watch->rk, all);
    rd_kafka_topic_partition_list_destroy(all);
    rd_kafka_topic_partition_list_destroy(names);
}

static void end_reached(struct watch *watch, enum topic topic, int32_t partition)
{
    bool *ended = &watch->ended[partition][topic];

    if (*ended) return;
    *ended = true;
    watch->consumer->behind[topic]--;
}

static void hear(struct watch *watch, const rd_kafka_message_t *record)
{
    struct consumer *consumer = watch->consumer;
    struct event event;
    const char *reason;

    if (record->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        end_reached(watch, topic_find(str_of(rd_kafka_topic_name(record->rkt))), record->partition);
        return;
    }
    if (record->err) {
        log_line(LOG_WARN, "kafka_refused", "%s: %s",
                 record->rkt ? rd_kafka_topic_name(record->rkt) : "-",
                 rd_kafka_err2name(record->err));
        return;
    }
    arena_reset(watch->arena);
    reason = consumer_read(record, watch->arena, &event);
    if (event.topic == TOPIC_NONE) return;
    if (reason) {
        log_line(LOG_WARN, "not_understood", "%s %d/%lld: %s", topic_info(event.topic)->name,
                 (int)event.partition, (long long)event.offset, reason);
        return;
    }
    consumer->config.watch(&event, consumer->config.user);
}

void *watch_run(void *user)
{
    struct consumer *consumer = user;
    /* earliest: a cluster that was built anew begins below what was heard; all of it is news. */
    /* clang-format off */
    const char *settings[] = {
        "group.id", consumer->config.service,
        "enable.auto.commit", "false",
        "auto.offset.reset", "earliest",
        "enable.partition.eof", "true",
        "queued.max.messages.kbytes", "4096",
        NULL,
    };
    /* clang-format on */
    struct watch watch = {.consumer = consumer};

    watch.rk = consumer_client(consumer, settings, NULL, NULL);
    if (!watch.rk) return NULL;
    watch.arena = arena_new(CONSUMER_ARENA_BYTES_MAX);
    assign_all(&watch);
    while (!consumer->stopping) {
        rd_kafka_message_t *record = rd_kafka_consumer_poll(watch.rk, CONSUMER_POLL_MS);
        if (!record) continue;
        hear(&watch, record);
        rd_kafka_message_destroy(record);
    }
    consumer_client_end(watch.rk);
    arena_free(watch.arena);
    free(watch.ended);
    return NULL;
}
