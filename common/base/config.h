/*
 * config - a settings table becomes a typed struct; the same table prints itself as docs.
 *
 *   TEXT     const char *   as it stands
 *   INT      int64_t        min..max
 *   BOOL     bool           true or false
 *   UUID     struct uuid    an id; empty: nil
 *   PATH     const char *   as it stands: a socket may appear later, so whoever opens it checks
 *   PLACE    const char *   a path where the service itself writes: a folder, or a file that it
 *                           replaces
 *   SECRET   const char *   never quoted, kept in locked pages; a value that begins with / names
 *                           the file whose first line is the secret
 *
 * Source, later wins: the default in the row, the file named by --config (`key = value` lines, #
 * comments), the environment (TELECURA_<KEY> in upper case). Every fault of a file is reported at
 * once, each with the key, the reason and what would be right; an unknown key is a fault.
 *
 * Ownership  texts live as long as the process.
 * Threads    read once at start, const afterwards.
 */
#pragma once

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum setting_type {
    SETTING_TEXT, SETTING_INT, SETTING_BOOL, SETTING_UUID, SETTING_PATH, SETTING_PLACE,
    SETTING_SECRET,
};

struct setting {
    const char *key;
    enum setting_type type;
    size_t offset;        /* in the settings struct, of what its type says */
    const char *fallback; /* NULL: required */
    int64_t min, max;     /* SETTING_INT */
    const char *about;    /* one sentence, for --describe */
};

/* @file may be NULL. @tables ends in NULL; each table ends in a row without key. Writes to one
 * @settings struct. Returns ERR_BAD_REQUEST after printing every fault to @complaints. */
err_t config_load(const struct setting *const *tables, const char *file, void *settings,
                  FILE *complaints);
