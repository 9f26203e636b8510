/*
 * describe - prints a service's tables as one JSON document: the source of OpenAPI, the
 * gateway's path map, the native run's settings and the tests that walk every route.
 *
 * Threads  main, before anything runs.
 * Errors   none.
 */
#pragma once

#include "common/app/service.h"

/* Returns the exit code. */
int describe(const struct service *service, const struct setting *common);
