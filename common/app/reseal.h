/*
 * reseal - rows under a renewed key are sealed anew, and keyd is told when none is left.
 *
 * keyd is asked every reseal_every_s. Each key that it names is dropped from the cache first, so
 * nothing more is sealed under it here; then the tables of service->sealed are gone through, an act
 * a row; what still names it in the framework's own tables (a projection, what waits for the relay,
 * what is parked) is only waited for.
 *
 * Threads  the loop starts it; it runs on workers, behind whoever waits, a batch a turn.
 */
#pragma once

#include "common/app/service.h"
#include "common/io/loop.h"

void reseal_start(const struct service *service, struct loop *loop);
