/* Inside of consumer: the two threads and what they share. */
#pragma once

#include "common/io/consumer.h"
#include "common/io/kafka.h"

#include <pthread.h>
#include <stdatomic.h>

#define CONSUMER_POLL_MS 100
#define CONSUMER_ARENA_BYTES_MAX ((size_t)64 << 20)

struct consumer {
    struct consumer_config config;
    atomic_bool stopping;
    _Atomic int32_t behind[TOPIC_MAX];   /* WATCH: partitions not read to their end; -1 unknown */
    pthread_t feed, watch;
    bool feeds, watches;
};

/* What a record says. NULL, or why it cannot be understood (a word for dead_letter); what could be
 * read stands in @ret_event either way. */
const char *consumer_read(const rd_kafka_message_t *record, struct arena *arena,
                          struct event *ret_event);
/* Names of the topics of that mode; the caller destroys the list. */
rd_kafka_topic_partition_list_t *consumer_topics(const struct consumer *consumer,
                                                 enum hearing mode);
/* A client of the group @consumer->config.service. NULL: stopping. */
rd_kafka_t *consumer_client(struct consumer *consumer, const char *const *settings,
                            void (*rebalance)(rd_kafka_t *, rd_kafka_resp_err_t,
                                              rd_kafka_topic_partition_list_t *, void *),
                            void *user);
/* Leaves the group and ends @rk. A client that has not left after 5 s (librdkafka 2.0.2 may wait
 * for ever for a broker that is gone) is let be, with a line in the log: the process ends, or goes
 * on with a new one. */
void consumer_client_end(rd_kafka_t *rk);
/* Up to @ms, less when stopping. */
void consumer_rest(const struct consumer *consumer, int ms);

void *feed_run(void *consumer);
void *watch_run(void *consumer);
