/*
 * secret - bytes that are wiped and never printed.
 *
 * Threads  any.
 */
#pragma once

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

void secret_wipe(void *p, size_t n);                       /* not optimised away */
void secret_wipe_stack(void); /* what callees of the caller have left below it: 32 KiB */
bool secret_equal(const void *a, const void *b, size_t n); /* constant time */

/* Kernel randomness, pooled per thread; a forked child draws its own. Aborts on failure. */
void secret_random(void *p, size_t n);

void secret_harden(void); /* no core, not dumpable: call first in main */

/* Zeroed pages between guard pages, not in core dumps, locked as far as RLIMIT_MEMLOCK allows;
 * aborts when there is no memory. */
void *secret_alloc(size_t n);
bool secret_locked(void);             /* all pages so far: none is ever in swap */
void secret_free(void *p, size_t n); /* wipes; takes NULL */
