/* health - asks a running service over its inner port; for --health and telectl. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The status of GET @path at @address (host:port), its body (cut at @n - 1 bytes) in @ret_body; 0
 * with errno when nothing answered within 2 s. */
int health_read(const char *address, const char *path, char *ret_body, size_t n);
/* True when it is 200; else says why on stderr. */
bool health_ask(const char *address, const char *path);
