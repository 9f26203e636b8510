/*
 * db_own - what the files of db share; nobody else includes it.
 */
#pragma once

#include "common/io/db.h"

#include <libpq-fe.h>

/* What one statement is sent with, in the transaction's arena. */
struct db_values {
    const char **values;
    int *lengths, *formats;
};

uint32_t db_oid(enum sql_type type);
const char *db_type_name(enum sql_type type);
/* Copies everything: the caller's @args need not outlive the call. */
struct db_values db_encode(const struct stmt *stmt, const struct tx_frame *frame, const void *args);
/* All rows of @result as an array of stmt->row_bytes; ERR_INTERNAL when their types are others. */
err_t db_decode(const struct stmt *stmt, const PGresult *result, struct arena *arena,
                struct rows *ret_rows);

/* Which statements a connection knows; all zero: none. */
struct prepared {
    const struct stmt **slots;
    size_t n, slots_max;
};
bool prepared_has(const struct prepared *prepared, const struct stmt *stmt);
void prepared_add(struct prepared *prepared, const struct stmt *stmt);
void prepared_remove(struct prepared *prepared, const struct stmt *stmt);
void prepared_clear(struct prepared *prepared);

/* How every connection is made: conninfo, then what must hold whatever it says. */
struct db_options {
    const char *keys[8], *values[8];
};
struct db_options db_options(const char *conninfo, const char *application);
const char *db_conninfo(const struct db *db);
