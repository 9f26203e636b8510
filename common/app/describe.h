/*
 * describe - prints a service's tables as one JSON document: the source of OpenAPI, AsyncAPI, the
 * gateway's path map, docs and the tests that walk every route.
 *
 * Threads  main, before anything runs.
 */
#pragma once

#include "common/app/service.h"

/* Returns the exit code. */
int describe(const struct service *service, const struct setting *common);
