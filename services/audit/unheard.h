/*
 * unheard - notices which producer has fallen silent, and whose records do not come.
 *
 * Threads  the sequencer's, while it has the lease.
 * Errors   faults of the database; the next look makes up for it.
 */
#pragma once

#include "common/base/err.h"

/* At most once a second. */
err_t unheard_look(void);
