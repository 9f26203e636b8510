#include "clients/telectl/files.h"
#include "clients/telectl/telectl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_BYTES_MAX (256 * 1024)

int file_decode(struct arena *arena, const char *run, const char *name, const struct shape *shape,
                void *ret)
{
    char *text = arena_alloc(arena, FILE_BYTES_MAX);
    const struct str path = arena_printf(arena, "%s/%s", run, name);
    struct json_fault fault = {0};
    FILE *file = fopen(arena_cstr(arena, path), "re");

    if (!file)
        return trouble("cannot read " STR_FMT ": %s", "make up (or name the suite's folder: --run)",
                       STR_ARG(path), strerror(errno));
    const size_t n = fread(text, 1, FILE_BYTES_MAX, file);
    fclose(file);
    if (json_decode_lenient(shape, bytes_of(text, n), arena, ret, &fault) != ERR_OK)
        return trouble(STR_FMT " is not one of this version: %s at '%s'", "make down up",
                       STR_ARG(path), fault.code ? fault.code : "unreadable", fault.pointer);
    return WELL;
}
