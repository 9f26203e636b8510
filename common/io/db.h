/*
 * db - PostgreSQL, one connection a thread, transactions in as few round trips as can be.
 *
 * Statements live in .sql files; sqlgen makes a `struct stmt` and a typed wrapper of each, so no
 * SQL stands in C. A transaction begins with its first statement. Statements without a result are
 * queued and travel with the next one that has one, or with COMMIT, in one flush of libpq's
 * pipeline mode; their errors surface there. Values travel in binary.
 *
 * A wait is send, poll until the deadline, close: a connection whose answer did not come in time
 * is closed (statement_timeout ends the orphan) and opened again for the next transaction.
 *
 * Errors  A broken transaction is sticky: every later call returns its error, so handlers need no
 *         check. SQLSTATEs become errors: a `raises` row of the statement (by constraint name),
 *         else TC001 NOT_FOUND, TC002 CONSENT_REQUIRED, TC003 FORBIDDEN (raised by our own SQL
 *         functions); 40001 and 40P01 CONFLICT with tx_retryable(); 57014 DEADLINE; 55P03 (a lock
 *         not got in 5 s) BUSY; connection trouble, no disk or memory left and I/O errors (classes
 *         08, 53, 58) UNAVAILABLE; all else INTERNAL, logged with its SQLSTATE and never its
 *         message. No row where tx_one() wants one breaks nothing.
 *         COMMIT that got no answer is DEADLINE: nobody knows, the Idempotency-Key will tell.
 *
 * Ownership  results are copied into the transaction's arena.
 * Threads    a db and its tx belong to one thread.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"

#include <stdio.h>

enum sql_type {
    SQL_UUID,        /* struct uuid; nil is NULL where the slot is nullable */
    SQL_TEXT,        /* struct str; p NULL is NULL */
    SQL_BYTEA,       /* struct bytes; p NULL is NULL */
    SQL_INT4,        /* int32_t */
    SQL_INT8,        /* int64_t */
    SQL_BOOL,        /* bool */
    SQL_TIMESTAMPTZ, /* int64_t, microseconds since 1970; 0 is NULL where nullable;
                        INT64_MAX and INT64_MIN are the infinities */
    SQL_DATE,        /* struct str YYYY-MM-DD */
    SQL_UUIDS,       /* struct uuids, uuid[] */
    SQL_TEXTS,       /* struct strs, text[] */
    SQL_BYTEAS,      /* struct blobs, bytea[]; a parameter only */
};

enum sql_source { SQL_ARGS, SQL_ORG, SQL_NOW, SQL_ACT, SQL_ACTOR }; /* :org :now :act :actor */

struct sql_slot {
    const char *name;
    enum sql_type type;
    enum sql_source source; /* parameters only */
    size_t offset;
    bool nullable;          /* a parameter written :name?::type */
};

struct sql_raise {
    const char *constraint;
    err_t err;
};

struct stmt {
    const char *name; /* also the prepared statement's */
    const char *sql;  /* with $1.. */
    const struct sql_slot *params;
    size_t param_count;
    const struct sql_slot *columns;
    size_t column_count;
    size_t row_bytes;              /* sizeof the row struct */
    err_t none;                    /* :one without a row */
    const struct stmt *why;        /* `else` names a statement: one text column, an error's code */
    const struct sql_raise *raises; /* ends in a row without constraint; or NULL */
};

struct rows {
    const void *p;
    size_t n;
};

struct db;
struct tx;

/* What :org, :now, :act and :actor stand for, and what bounds the work. */
struct tx_frame {
    struct uuid org, act, actor;
    int64_t now_us;
    int64_t deadline_us; /* monotonic */
    struct arena *arena;
};

struct db *db_new(const char *conninfo, const char *application); /* opens at first use */
struct db *db_free(struct db *db);
/* Opens now, or says why not: for start, --health and the skew check. */
err_t db_check(struct db *db, int64_t *ret_skew_us);

/* One at a time per db. @frame is borrowed until commit or rollback. Sends nothing yet. */
struct tx *tx_begin(struct db *db, const struct tx_frame *frame);
void tx_enter(struct tx *tx, struct uuid org); /* what :org stands for from here on */
void tx_act(struct tx *tx, struct uuid act);   /* and what :act does */
void tx_become(struct tx *tx, struct uuid actor); /* and :actor */
void tx_queue(struct tx *tx, const struct stmt *stmt, const void *args);
err_t tx_one(struct tx *tx, const struct stmt *stmt, const void *args, void *ret_row);
err_t tx_maybe(struct tx *tx, const struct stmt *stmt, const void *args, void *ret_row,
               bool *ret_found);
err_t tx_many(struct tx *tx, const struct stmt *stmt, const void *args, struct rows *ret_rows);
err_t tx_flush(struct tx *tx);  /* sends what is queued and reads its answers */
err_t tx_commit(struct tx *tx); /* the queue and COMMIT in one flush; ends @tx either way */
/* Only sends them: the server commits while the caller does other things; tx_commit() has its
 * answer and ends @tx. */
err_t tx_commit_send(struct tx *tx);
void tx_rollback(struct tx *tx);
/* Both may be asked until the next tx_begin(). */
bool tx_retryable(const struct tx *tx);  /* it broke by 40001 or 40P01 */
bool tx_began(const struct tx *tx);      /* something was sent or queued */

/* ---- migrations: forward only, each in one transaction, under an advisory lock ---- */

struct migration {
    const char *name; /* "0001_init" */
    const char *sql;  /* "@service@" becomes the service's role */
};

/* Applies what is missing from @sets (NULL-terminated list of arrays that end in a nameless row).
 * Each name is recorded with its hash; a changed old migration is a fault that names it. */
err_t db_migrate(const char *owner_conninfo, const char *service,
                 const struct migration *const *sets, FILE *out);
/* Every migration of @sets is there: else ERR_UNAVAILABLE naming `--migrate`. */
err_t db_migrated(struct db *db, const struct migration *const *sets);
/* PREPAREs each statement and compares parameter and column types with the database. */
err_t db_verify(struct db *db, const struct stmt *const *stmts, FILE *out);
