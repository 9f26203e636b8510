/*
 * ready - can this service work? A worker asks PostgreSQL each second; the inner listener tells.
 *
 *   GET /health/live    200 while the loop turns
 *   GET /health/ready   200 or 503: the database answers, its clock is no more than 1 s off ours.
 *                       Also what waits: jobs, sessions, audit rows (backlog.h)
 *   GET /metrics        Prometheus text
 *
 * Threads  the loop.
 * Errors   none: what is wrong is what it tells.
 */
#pragma once

#include "common/io/http.h"
#include "common/io/relay.h"

#define READY_SKEW_US_MAX SECOND_US

/* After workers_start(). @relay may be NULL. */
void ready_start(struct loop *loop, const char *service, struct relay *relay);
void ready_end(void); /* it stops: not ready any more */
void ready_take(struct http_call *call);
