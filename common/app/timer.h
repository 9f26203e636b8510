/*
 * timer - what a service does when time comes: a due statement lists rows, each row is one act.
 *
 * The list locks nothing; every act guards its own row's state, so replicas may find the same row
 * and one of them acts. A tick that finds the former one still running is left out. The acts of a
 * list take turns with what else waits for a worker.
 *
 * Threads  timers_start(): main, before loop_run(); ticks: loop; lists and acts: workers.
 * Errors   none comes back: a list that failed is asked for with the next tick, a row whose act
 *          failed is due again.
 */
#pragma once

#include "common/app/service.h"
#include "common/io/loop.h"

void timers_start(const struct service *service, struct loop *loop);
