/*
 * producer - sends events to Kafka and waits until each was acknowledged.
 *
 * Idempotent and acks=all. It connects and learns the topics that its service writes as soon as it
 * is made, so that the first event goes as fast as the next. A client that broke for good is
 * replaced; what it had not delivered is reported as not sent. After 5 s without any answer the
 * rest counts as refused, so that a topic of which Kafka says nothing holds up no other.
 *
 * Threads  one.
 */
#pragma once

#include "common/io/consumer.h"

struct producer;
struct http_tls;

/* One event on its way; stays where it is until producer_wait() returns. */
struct sending {
    struct uuid org, id;
    enum topic topic;
    bool sent;    /* acknowledged by Kafka */
    bool refused; /* not allowed, too large, no answer */
};

struct producer *producer_new(const char *service, const char *kafka, const struct http_tls *tls);
struct producer *producer_free(struct producer *producer); /* takes NULL */
void producer_send(struct producer *producer, const struct event *event, struct bytes payload,
                   struct sending *sending);
/* Until everything is sent or refused, or @go_on, asked every 50 ms, says no. */
void producer_wait(struct producer *producer, bool (*go_on)(void *), void *user);
