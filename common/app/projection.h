/* projection - the hears tables that every service has besides its own. */
#pragma once

#include "common/app/run.h"

extern const struct hears projection_hears[]; /* ends in TOPIC_NONE */
extern const struct hears revocation_hears[];
