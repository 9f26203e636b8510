/*
 * kafka - what every client of the broker sets alike, and the headers that an event travels with.
 *
 * TLS with the service's certificate, which is all that the broker knows it by; plaintext only to
 * a loopback address. librdkafka tries for ever and never fails at start, so refusals (TLS, ACL)
 * are logged with their cause, each at most once a minute.
 *
 * Headers are CloudEvents 1.0 (Kafka binding, binary mode) plus org, act, kind, version, epoch and
 * at (microseconds), all ASCII. The record's key is the event's key, 16 bytes.
 *
 * Threads  a client's callbacks run on the thread that polls it.
 */
#pragma once

#include "common/base/err.h"
#include "common/io/consumer.h"

#include <librdkafka/rdkafka.h>

struct http_tls;

bool kafka_is_mock(const char *brokers); /* plaintext://: a test's mock cluster */
/* @pairs: name, value, ..., NULL; a wrong one is our bug and aborts. */
rd_kafka_conf_t *kafka_conf(const char *brokers, const struct http_tls *tls, const char *client,
                            const char *const *pairs);
/* Consumes @conf. NULL, raised: unreadable TLS files, or plaintext to another machine. */
rd_kafka_t *kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf);

/* From event->kind, message left aside. Give them to rd_kafka_producev(). */
rd_kafka_headers_t *kafka_headers(const struct event *event, const char *service);
/* Fills id, org, act, version, epoch, at_us, kind; false when one is missing or malformed. */
bool kafka_headers_read(const rd_kafka_headers_t *headers, struct event *ret_event);
