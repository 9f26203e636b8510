/* files - what the suite says of itself in its run folder. */
#pragma once

#include "common/codec/json.h"

/* <run>/@name as @shape; unknown members are skipped. WELL, or UNWELL after saying why. */
int file_decode(struct arena *arena, const char *run, const char *name, const struct shape *shape,
                void *ret);
