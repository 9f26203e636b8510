/* health - asks a running service over its inner port; for --health and telectl. */
#pragma once

#include <stdbool.h>

/* True when GET @path at @address (host:port) answers 200 within 2 s; else says why on stderr. */
bool health_ask(const char *address, const char *path);
