/*
 * projection - the hears tables that every service has besides its own.
 *
 * Threads  const; their rows run on the consumer's two threads (hears.h).
 * Errors   as every row's (hears.h).
 */
#pragma once

#include "common/app/run.h"

extern const struct hears projection_hears[]; /* ends in TOPIC_NONE */
extern const struct hears revocation_hears[];
