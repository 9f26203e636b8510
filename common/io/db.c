#include "common/base/clock.h"
#include "common/io/db_own.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define CONNECT_US (3 * SECOND_US)

/* A statement that was queued, with its values encoded. */
struct pending {
    const struct stmt *stmt;
    struct db_values values;
    struct pending *next;
};

/* An answer that the server owes us, in the order of asking. */
struct expected {
    enum { PREPARED, RAN, SYNCED } what;
    const struct stmt *stmt;
    bool stale; /* a ROLLBACK's, which nobody waited for */
};

struct tx {
    struct db *db;
    struct tx_frame frame;
    struct pending *first, **last;
    bool open, sent, committing, retryable;
    err_t err;
};

struct db {
    char *conninfo, *application;
    PGconn *conn;
    struct tx tx; /* there is one at a time */
    struct expected *expected;
    size_t expected_count, expected_max;
    struct prepared prepared; /* emptied with the connection */
};

static const struct stmt begin_stmt = {.name = "db.begin", .sql = "BEGIN"};
static const struct stmt commit_stmt = {.name = "db.commit", .sql = "COMMIT"};
static const struct stmt rollback_stmt = {.name = "db.rollback", .sql = "ROLLBACK"};

static const struct db_values no_values;

/* ---- the connection ---- */

struct db *db_new(const char *conninfo, const char *application)
{
    struct db *db = calloc(1, sizeof *db);

    if (!db) abort();
    db->conninfo = strdup(conninfo);
    db->application = strdup(application);
    if (!db->conninfo || !db->application) abort();
    return db;
}

static void db_close(struct db *db)
{
    PQfinish(db->conn);
    db->conn = NULL;
    db->expected_count = 0;
    prepared_clear(&db->prepared);
}

struct db *db_free(struct db *db)
{
    if (!db) return NULL;
    db_close(db);
    free(db->expected);
    free(db->conninfo);
    free(db->application);
    free(db);
    return NULL;
}

const char *db_conninfo(const struct db *db)
{
    return db->conninfo;
}

struct db_options db_options(const char *conninfo, const char *application)
{
    return (struct db_options){
        .keys = {"dbname", "application_name", "options", "tcp_user_timeout", "connect_timeout"},
        .values = {conninfo, application,
                   /* Every statement is prepared and small: planned once, not for each value. */
                   "-c plan_cache_mode=force_generic_plan"
                   " -c statement_timeout=10000 -c lock_timeout=5000 -c TimeZone=UTC"
                   " -c idle_in_transaction_session_timeout=15000 -c client_min_messages=error",
                   "10000", "5"},
    };
}

/* False when the deadline passed first. */
static bool socket_wait(int fd, short events, int64_t deadline_us)
{
    struct pollfd waiting = {.fd = fd, .events = events};

    for (;;) {
        const int64_t left_us = deadline_us - clock_mono_us();
        if (left_us <= 0) return false;
        const int64_t ms = (left_us < HOUR_US ? left_us : HOUR_US) / MS_US + 1;
        const int ready = poll(&waiting, 1, (int)ms);
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

/* Patients' data crosses no network in the clear. */
static bool is_private(PGconn *conn)
{
    const char *host = PQhost(conn), *address = PQhostaddr(conn);

    return PQsslInUse(conn) || (host && host[0] == '/') || !address || !*address ||
           strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static err_t db_open(struct db *db, int64_t deadline_us)
{
    const struct db_options options = db_options(db->conninfo, db->application);
    const int64_t own_us = clock_mono_us() + CONNECT_US;
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;

    if (deadline_us > own_us) deadline_us = own_us;
    db->conn = PQconnectStartParams(options.keys, options.values, 1);
    if (!db->conn) abort();
    while (PQstatus(db->conn) != CONNECTION_BAD && state != PGRES_POLLING_OK &&
           state != PGRES_POLLING_FAILED) {
        const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!socket_wait(PQsocket(db->conn), events, deadline_us)) break;
        state = PQconnectPoll(db->conn);
    }
    if (state != PGRES_POLLING_OK) {
        const err_t err = err_raise(
            ERR_UNAVAILABLE, "PostgreSQL at %s port %s lets %s not in: does it run, is db right?",
            PQhost(db->conn), PQport(db->conn), db->application);
        db_close(db);
        return err;
    }
    if (!is_private(db->conn)) {
        db_close(db);
        return err_raise(ERR_UNAVAILABLE, "PostgreSQL is elsewhere and has no TLS: add sslmode");
    }
    if (PQsetnonblocking(db->conn, 1) != 0 || !PQenterPipelineMode(db->conn)) abort();
    return ERR_OK;
}

/* A connection that the server has ended meanwhile is noticed before it costs a transaction. It has
 * nothing to say unasked but that. */
static void db_drop_dead(struct db *db)
{
    const bool idle = db->expected_count == 0;
    struct pollfd socket = {
        .fd = db->conn ? PQsocket(db->conn) : -1,
        .events = (short)(idle ? POLLIN | POLLRDHUP : POLLRDHUP),
    };

    if (poll(&socket, 1, 0) > 0) db_close(db);
}

/* ---- one flush ---- */

static void expect(struct db *db, struct expected expected)
{
    if (db->expected_count == db->expected_max) {
        db->expected_max = db->expected_max ? 2 * db->expected_max : 32;
        db->expected = reallocarray(db->expected, db->expected_max, sizeof *db->expected);
        if (!db->expected) abort();
    }
    db->expected[db->expected_count++] = expected;
}

static bool send_one(struct db *db, const struct stmt *stmt, const struct db_values *values)
{
    const int count = (int)stmt->param_count;

    if (!prepared_has(&db->prepared, stmt)) {
        Oid oids[64];
        assert(stmt->param_count <= sizeof oids / sizeof *oids);
        for (int i = 0; i < count; i++) oids[i] = db_oid(stmt->params[i].type);
        if (!PQsendPrepare(db->conn, stmt->name, stmt->sql, count, oids)) return false;
        prepared_add(&db->prepared, stmt);
        expect(db, (struct expected){.what = PREPARED, .stmt = stmt});
    }
    expect(db, (struct expected){.what = RAN, .stmt = stmt});
    return PQsendQueryPrepared(db->conn, stmt->name, count, values->values, values->lengths,
                               values->formats, 1);
}

static bool send_sync(struct db *db)
{
    expect(db, (struct expected){.what = SYNCED});
    return PQpipelineSync(db->conn);
}

/* Nothing of what was asked is left here. What comes meanwhile is read, or both would wait. */
static bool all_sent(struct db *db, int64_t deadline_us)
{
    for (;;) {
        const int unsent = PQflush(db->conn);
        if (unsent <= 0) return unsent == 0;
        if (!socket_wait(PQsocket(db->conn), POLLIN | POLLOUT, deadline_us)) return false;
        if (!PQconsumeInput(db->conn)) return false;
    }
}

/* Whether what was read so far answers the next question. False when it did not come in time. */
static bool answer_wait(struct db *db, int64_t deadline_us)
{
    while (PQisBusy(db->conn)) {
        if (!socket_wait(PQsocket(db->conn), POLLIN, deadline_us)) return false;
        if (!PQconsumeInput(db->conn)) return false;
    }
    return true;
}

/* SQLSTATEs, or the two characters of their class. */
static const struct { char state[6]; err_t err; } states[] = {
    {"TC001", ERR_NOT_FOUND}, {"TC002", ERR_CONSENT_REQUIRED}, {"TC003", ERR_FORBIDDEN},
    {"40001", ERR_CONFLICT},  {"40P01", ERR_CONFLICT},         {"57014", ERR_DEADLINE},
    {"55P03", ERR_BUSY},      {"57P01", ERR_UNAVAILABLE},      {"57P02", ERR_UNAVAILABLE},
    {"57P03", ERR_UNAVAILABLE}, {"25P03", ERR_UNAVAILABLE},    {"08", ERR_UNAVAILABLE},
    {"53", ERR_UNAVAILABLE},  {"58", ERR_UNAVAILABLE}, /* no disk, memory, connection; I/O */
};

static err_t state_err(const struct stmt *stmt, const char *state, const char *constraint)
{
    for (const struct sql_raise *raise = stmt->raises; constraint && raise && raise->constraint;
         raise++) {
        if (strcmp(raise->constraint, constraint) == 0) return raise->err;
    }
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strncmp(state, states[i].state, strlen(states[i].state)) == 0) return states[i].err;
    }
    return *state ? ERR_INTERNAL : ERR_UNAVAILABLE;
}

/* The first error decides. Server messages may quote rows, so none of their text is kept. */
static void tx_break(struct tx *tx, const struct stmt *stmt, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

    if (tx->err != ERR_OK) return;
    state = state ? state : "";
    tx->err = state_err(stmt, state, constraint);
    tx->retryable = strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0;
    /* A COMMIT that was cut off may have been done. */
    if (stmt == &commit_stmt && tx->err == ERR_UNAVAILABLE) tx->err = ERR_DEADLINE;
    if (err_is_fault(tx->err)) {
        tx->err = err_raise(tx->err, "%s: SQLSTATE %s, constraint %s", stmt->name,
                            *state ? state : "none", constraint ? constraint : "none");
    }
}

/* Takes one answer. @ret_result, if wanted, gets that of the last statement that ran. */
static bool answer_read(struct tx *tx, const struct expected *expected, int64_t deadline_us,
                        PGresult **ret_result)
{
    struct db *db = tx->db;

    if (!answer_wait(db, deadline_us)) return false;
    PGresult *result = PQgetResult(db->conn);
    const ExecStatusType status = PQresultStatus(result);
    const bool done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    const bool ran = done && expected->what == RAN;
    if (expected->what == SYNCED) {
        PQclear(result);
        return status == PGRES_PIPELINE_SYNC;
    }
    /* Its Parse failed, or was skipped behind what did. */
    if (!done && expected->what == PREPARED) prepared_remove(&db->prepared, expected->stmt);
    if (status == PGRES_FATAL_ERROR && !expected->stale) tx_break(tx, expected->stmt, result);
    if (ran && expected->stmt == &commit_stmt && strcmp(PQcmdStatus(result), "COMMIT") != 0) {
        tx->err = err_raise(ERR_INTERNAL, "COMMIT was answered by %s", PQcmdStatus(result));
    }
    if (ran && ret_result) {
        PQclear(*ret_result);
        *ret_result = result;
    } else {
        PQclear(result);
    }
    /* Every answer but a sync ends in a NULL. */
    return PQstatus(db->conn) == CONNECTION_OK && answer_wait(db, deadline_us) &&
           PQgetResult(db->conn) == NULL;
}

/* The connection is of no more use: the answer did not come, or there is nobody to answer. */
static void tx_lost(struct tx *tx)
{
    const bool late = clock_mono_us() >= tx->frame.deadline_us;

    db_close(tx->db);
    if (tx->err != ERR_OK) return;
    tx->err = err_raise(late || tx->committing ? ERR_DEADLINE : ERR_UNAVAILABLE,
                        "PostgreSQL's answer %s%s", late ? "came too late" : "was cut off",
                        tx->committing ? "; nobody knows whether it was committed" : "");
}

static bool queue_send(struct tx *tx)
{
    struct db *db = tx->db;

    if (!tx->sent && !send_one(db, &begin_stmt, &no_values)) return false;
    tx->sent = true;
    for (const struct pending *p = tx->first; p; p = p->next) {
        if (!send_one(db, p->stmt, &p->values)) return false;
    }
    return send_sync(db);
}

/* Sends BEGIN if it is the first, what is queued, and a sync, to the last byte: the server works on
 * it from now on. */
static err_t tx_send(struct tx *tx, bool committing)
{
    struct db *db = tx->db;

    if (tx->err != ERR_OK) return tx->err;
    if (clock_mono_us() >= tx->frame.deadline_us) {
        return tx->err = err_raise(ERR_DEADLINE, "no time is left for PostgreSQL");
    }
    if (!tx->sent) db_drop_dead(db);
    if (!db->conn && !tx->sent) tx->err = db_open(db, tx->frame.deadline_us);
    if (tx->err != ERR_OK) return tx->err;

    const bool whole = queue_send(tx) && all_sent(db, tx->frame.deadline_us);
    tx->first = NULL;
    tx->last = &tx->first;
    tx->committing = committing;
    if (!whole) tx_lost(tx);
    return tx->err;
}

/* Reads all answers. */
static err_t tx_read(struct tx *tx, PGresult **ret_result)
{
    struct db *db = tx->db;
    bool whole = true;

    if (tx->err != ERR_OK) return tx->err;
    for (size_t i = 0; whole && i < db->expected_count; i++) {
        const struct expected expected = db->expected[i];
        whole = answer_read(tx, &expected, tx->frame.deadline_us, ret_result);
    }
    db->expected_count = 0;
    if (!whole) tx_lost(tx);
    return tx->err;
}

static err_t tx_trip(struct tx *tx, PGresult **ret_result)
{
    TRY(tx_send(tx, false));
    return tx_read(tx, ret_result);
}

/* ---- transactions ---- */

struct tx *tx_begin(struct db *db, const struct tx_frame *frame)
{
    struct tx *tx = &db->tx;

    assert(!tx->open);
    *tx = (struct tx){.db = db, .frame = *frame, .last = &tx->first, .open = true};
    return tx;
}

void tx_enter(struct tx *tx, struct uuid org)
{
    tx->frame.org = org;
}

void tx_act(struct tx *tx, struct uuid act)
{
    tx->frame.act = act;
}

void tx_become(struct tx *tx, struct uuid actor)
{
    tx->frame.actor = actor;
}

void tx_queue(struct tx *tx, const struct stmt *stmt, const void *args)
{
    assert(tx->open);
    if (tx->err != ERR_OK) return;
    struct pending *pending = ARENA_NEW(tx->frame.arena, struct pending);
    pending->stmt = stmt;
    pending->values = db_encode(stmt, &tx->frame, args);
    *tx->last = pending;
    tx->last = &pending->next;
}

err_t tx_many(struct tx *tx, const struct stmt *stmt, const void *args, struct rows *ret_rows)
{
    PGresult *result = NULL;

    tx_queue(tx, stmt, args);
    err_t err = tx_trip(tx, &result);
    if (err == ERR_OK) err = tx->err = db_decode(stmt, result, tx->frame.arena, ret_rows);
    PQclear(result);
    return err;
}

err_t tx_maybe(struct tx *tx, const struct stmt *stmt, const void *args, void *ret_row,
               bool *ret_found)
{
    struct rows rows;

    TRY(tx_many(tx, stmt, args, &rows));
    if (rows.n > 1) {
        return tx->err = err_raise(ERR_INTERNAL, "%s: %zu rows for one", stmt->name, rows.n);
    }
    *ret_found = rows.n == 1;
    if (rows.n == 1) memcpy(ret_row, rows.p, stmt->row_bytes);
    return ERR_OK;
}

static err_t err_of_code(const struct stmt *stmt, struct str code)
{
    for (err_t err = ERR_OK + 1; err < ERR_MAX; err++) {
        if (str_is(code, err_info(err)->code)) return err;
    }
    return err_raise(ERR_INTERNAL, "%s: no error has the code that it told", stmt->name);
}

err_t tx_one(struct tx *tx, const struct stmt *stmt, const void *args, void *ret_row)
{
    bool found;

    TRY(tx_maybe(tx, stmt, args, ret_row, &found));
    if (found) return ERR_OK;
    if (!stmt->why) return stmt->none;
    struct str code;
    assert(stmt->why->row_bytes == sizeof code && !stmt->why->why);
    TRY(tx_maybe(tx, stmt->why, args, &code, &found));
    return found ? err_of_code(stmt->why, code) : stmt->why->none;
}

err_t tx_flush(struct tx *tx)
{
    return tx->first || tx->err != ERR_OK ? tx_trip(tx, NULL) : ERR_OK;
}

err_t tx_commit_send(struct tx *tx)
{
    if (tx->err != ERR_OK || !tx_began(tx)) return tx->err;
    tx_queue(tx, &commit_stmt, NULL);
    return tx_send(tx, true);
}

err_t tx_commit(struct tx *tx)
{
    err_t err = tx->committing ? tx->err : tx_commit_send(tx);

    if (err == ERR_OK && tx->committing) err = tx_read(tx, NULL);
    tx_rollback(tx);
    return err;
}

/* The server's answer is read with the next transaction's first: nothing depends on it. */
void tx_rollback(struct tx *tx)
{
    struct db *db = tx->db;

    assert(tx->open);
    tx->open = false;
    tx->first = NULL;
    if (!db->conn || PQtransactionStatus(db->conn) == PQTRANS_IDLE) return;
    if (!send_one(db, &rollback_stmt, &no_values) || !send_sync(db) || PQflush(db->conn) != 0) {
        db_close(db);
        return;
    }
    for (size_t i = 0; i < db->expected_count; i++) db->expected[i].stale = true;
}

bool tx_retryable(const struct tx *tx)
{
    return tx->retryable;
}

bool tx_began(const struct tx *tx)
{
    return tx->sent || tx->first;
}
