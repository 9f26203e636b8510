/*
 * sqlgen - the .sql files of one folder become typed C.
 *
 *     sqlgen [--tx] FOLDER PREFIX OUTDIR
 *
 * Reads FOLDER/<any>.sql (statements) and FOLDER/migrations/<any>.sql, writes OUTDIR/sql.c and,
 * when it changed, OUTDIR/sql.h. Wrappers take a `struct act *`, with --tx a `struct tx *`. A
 * folder without files, or no folder, gives empty arrays.
 *
 *     -- row appointment (id uuid, state text, starts_at timestamptz)
 *
 *     -- appointment_insert  :one appointment  else ERR_SLOT_TAKEN  raises patient_fk ERR_NOT_FOUND
 *     -- Free lines stand above the function in sql.h.
 *     INSERT INTO appointment (org, id, note) SELECT :org, :id::uuid, :note?::text RETURNING ...;
 *
 *   header   :one ROW, :maybe ROW, :many ROW, :exec. After :one, `else ERR_X` names the refusal of
 *            no row (NOT_FOUND if not said); `else STATEMENT` one that tells why: a :one with one
 *            text column and parameters that are among this one's. `raises CONSTRAINT ERR_X` may
 *            be repeated, also on comment lines of its own below the header.
 *            `like STATEMENT` takes that one's struct of arguments, which has all its parameters:
 *            for twins of which a table in C chooses one.
 *   types    uuid text bytea int4 (int) int8 (bigint) bool timestamptz date uuid[] text[]. The C
 *            member is called like the column or parameter; a timestamptz gets the suffix _us.
 *   :name    a parameter, typed by its first cast; with ? it may be NULL. :org :now :act :actor
 *            come from the transaction's frame and need no cast.
 *   clock    now() and its kin break the build: use :now. A line `-- lease` allows them.
 *   tenant   a statement without :org breaks the build, unless a line says `-- all orgs: why`.
 *
 * Nothing is freed: the process lives for a few milliseconds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define SLOTS_MAX 64
#define ROWS_MAX 256
#define STATEMENTS_MAX 1024

struct type {
    const char *sql, *slot, *c;
    bool may_be_null; /* has a C value that means NULL */
};

struct slot {
    char *name;
    const struct type *type;
    const char *source;
    bool nullable;
};

struct row {
    char *name;
    struct slot slots[SLOTS_MAX];
    size_t count;
};

struct raise { char *constraint, *err; };

struct statement {
    const char *file;
    int line;
    char *name, *mode, *row_name, *otherwise, *like, *comment, *sql;
    const struct row *row;
    const struct statement *why, *args; /* args: whose struct it takes */
    struct raise raises[SLOTS_MAX];
    size_t raise_count;
    struct slot params[SLOTS_MAX];
    size_t param_count;
    bool all_orgs, lease, with_org;
    const char *clock; /* the first one seen */
};

/* ---- read.c ---- */

extern struct row rows[ROWS_MAX];
extern size_t row_count;
extern struct statement statements[STATEMENTS_MAX];
extern size_t statement_count;

bool same(const char *a, const char *b);
char *copy_of(const char *p, size_t n);
char *joined(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *file_read(const char *path); /* NULL: errno says why */
/* Says "file:line: ..." and ends with status 1. */
void fail(const char *file, int line, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
void file_parse(const char *path);
void names_resolve(void); /* after the last file */

/* ---- write.c ---- */

void header_write(FILE *h, const char *folder, const char *prefix, bool tx);
void code_write(FILE *c, const char *folder, const char *prefix, bool tx);
void literal_write(FILE *c, const char *text);
