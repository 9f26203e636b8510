/*
 * hears - from Kafka to the rows of the hears tables: the service's own, and those that every
 * service has (projection.h).
 *
 * An EFFECT row runs as an act inside the consumer's transaction; a WATCH row is called at once.
 *
 * Threads  hears_start(): main; the rows: the consumer's two.
 * Errors   a row's fault is the consumer's affair: it tries again, or parks the key (consumer.h).
 */
#pragma once

#include "common/app/service.h"
#include "common/io/consumer.h"

/* The rows of all tables, as they run; NULL ends them. */
const struct hears *const *hears_rows(const struct service *service);
struct consumer *hears_start(const struct service *service, const struct http_tls *tls);
