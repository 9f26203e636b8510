/*
 * secret - bytes that are wiped and never printed.
 *
 * Threads  any.
 */
#pragma once

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

void secret_wipe(void *p, size_t n);                     /* not optimised away */
bool secret_equal(const void *a, const void *b, size_t n); /* constant time */
void secret_random(void *p, size_t n); /* kernel randomness, pooled per thread, fork-safe; aborts on failure */
void secret_harden(void); /* no core, not dumpable: call first in main */
void *secret_alloc(size_t n); /* locked, not dumped, zeroed pages; aborts on failure */
void secret_free(void *p, size_t n);
