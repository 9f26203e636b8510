#include "common/crypto/hash.h"
#include "common/io/db_own.h"

#include <stdlib.h>

#define LOCK_KEY "7310303466" /* any number, the same in every release */

/* Blocking and simple: nobody waits for these, and every cost is dwarfed by the DDL. */
static void conn_free(PGconn **conn)
{
    PQfinish(*conn);
}

static void result_free(PGresult **result)
{
    PQclear(*result);
}

#define CONN __attribute__((cleanup(conn_free))) PGconn *
#define RESULT __attribute__((cleanup(result_free))) PGresult *

static PGconn *conn_open(const char *conninfo, FILE *out)
{
    struct db_options options = db_options(conninfo, "migrate");

    /* A long migration is no orphan. */
    options.values[2] = "-c lock_timeout=60000 -c TimeZone=UTC -c client_min_messages=error";
    PGconn *conn = PQconnectdbParams(options.keys, options.values, 1);
    if (PQstatus(conn) != CONNECTION_OK) {
        fprintf(out, "PostgreSQL does not let us in: %s", PQerrorMessage(conn));
    }
    return conn;
}

static bool succeeded(const PGresult *result)
{
    const ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Class 42 (syntax, unknown names, wrong types) quotes our own SQL; all other texts may quote rows
 * and are not shown. */
static err_t complain(FILE *out, const char *name, const char *sql, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *at = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    unsigned line = 1;
    int64_t n = 0;

    state = state ? state : "none";
    /* Counted in characters; our SQL is nearly all ASCII. */
    if (at && !str_int(str_of(at), 1, INT64_MAX, &n)) n = 0;
    for (; n > 1 && *sql; n--) line += *sql++ == '\n';
    fprintf(out, "%s, line %u: SQLSTATE %s", name, line, state);
    if (strncmp(state, "42", 2) == 0 && message) fprintf(out, ": %s", message);
    fputc('\n', out);
    return err_raise(ERR_INTERNAL, "%s: SQLSTATE %s", name, state);
}

static err_t execute(PGconn *conn, const char *name, const char *sql, FILE *out)
{
    RESULT result = PQexec(conn, sql);

    return succeeded(result) ? ERR_OK : complain(out, name, sql, result);
}

/* @service@ becomes the role's name; the caller frees. */
static char *substituted(const char *sql, const char *service)
{
    const char mark[] = "@service@";
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    if (!f) abort();
    for (const char *found; (found = strstr(sql, mark)); sql = found + sizeof mark - 1) {
        fprintf(f, "%.*s%s", (int)(found - sql), sql, service);
    }
    fputs(sql, f);
    fclose(f);
    return text;
}

static void text_free(char **text)
{
    free(*text);
}

#define TEXT_FREED __attribute__((cleanup(text_free))) char *

static err_t record(PGconn *conn, const struct migration *migration, struct hash hash, FILE *out)
{
    const char sql[] = "INSERT INTO migration (name, hash, at) VALUES ($1, $2, clock_timestamp())";
    const char *const values[] = {migration->name, (const char *)hash.b};
    const int lengths[] = {0, sizeof hash.b}, formats[] = {0, 1};
    RESULT result = PQexecParams(conn, sql, 2, (Oid[]){25, 17}, values, lengths, formats, 0);

    return succeeded(result) ? ERR_OK : complain(out, migration->name, sql, result);
}

static err_t apply(PGconn *conn, const struct migration *migration, const char *service,
                   struct hash hash, FILE *out)
{
    TEXT_FREED sql = substituted(migration->sql, service);

    TRY(execute(conn, migration->name, "BEGIN", out));
    TRY(execute(conn, migration->name, sql, out));
    TRY(record(conn, migration, hash, out));
    TRY(execute(conn, migration->name, "COMMIT", out));
    fprintf(out, "%s: applied\n", migration->name);
    return ERR_OK;
}

/* Applies @migration if it is missing; an error ends the connection and with it the transaction. */
static err_t migrate_one(PGconn *conn, const struct migration *migration, const char *service,
                         FILE *out)
{
    const char sql[] = "SELECT hash FROM migration WHERE name = $1";
    const struct hash hash = hash_sha256(str_bytes(str_of(migration->sql)));
    RESULT known = PQexecParams(conn, sql, 1, NULL, &migration->name, NULL, NULL, 1);

    if (!succeeded(known)) return complain(out, migration->name, sql, known);
    if (PQntuples(known) == 0) return apply(conn, migration, service, hash, out);
    if (PQgetlength(known, 0, 0) == sizeof hash.b &&
        memcmp(PQgetvalue(known, 0, 0), hash.b, sizeof hash.b) == 0) {
        return ERR_OK;
    }
    fprintf(out,
            "%s was changed after it had been applied, or two migrations have this name.\n"
            "Restore its text and write what is new as a new migration.\n",
            migration->name);
    return err_raise(ERR_INTERNAL, "migration %s was changed after it had been applied",
                     migration->name);
}

err_t db_migrate(const char *owner_conninfo, const char *service,
                 const struct migration *const *sets, FILE *out)
{
    CONN conn = conn_open(owner_conninfo, out);
    TEXT_FREED table = substituted(
        "CREATE TABLE IF NOT EXISTS migration"
        " (name text PRIMARY KEY, hash bytea NOT NULL, at timestamptz NOT NULL);"
        "GRANT SELECT ON migration TO @service@", service);

    if (PQstatus(conn) != CONNECTION_OK) {
        return err_raise(ERR_UNAVAILABLE, "PostgreSQL does not let the owner in");
    }
    /* Ends with the connection. */
    TRY(execute(conn, "lock", "SELECT pg_advisory_lock(" LOCK_KEY ")", out));
    TRY(execute(conn, "migration", table, out));
    for (; *sets; sets++) {
        for (const struct migration *m = *sets; m->name; m++) {
            TRY(migrate_one(conn, m, service, out));
        }
    }
    return ERR_OK;
}

/* ---- does SQL agree with C ---- */

static unsigned columns_differ(const struct stmt *stmt, const PGresult *described, FILE *out)
{
    unsigned faults = 0;

    if (stmt->column_count == 0) return 0; /* :exec: what comes back is not looked at */
    if (PQnfields(described) != (int)stmt->column_count) {
        fprintf(out, "%s: the SQL has %d columns, the row %zu\n", stmt->name,
                PQnfields(described), stmt->column_count);
        return 1;
    }
    for (int i = 0; i < PQnfields(described); i++) {
        const struct sql_slot *slot = &stmt->columns[i];
        if (strcmp(PQfname(described, i), slot->name) != 0) {
            fprintf(out, "%s: column %d is called %s, in the row %s\n", stmt->name, i + 1,
                    PQfname(described, i), slot->name);
            faults++;
        }
        if (PQftype(described, i) != db_oid(slot->type)) {
            fprintf(out, "%s: column %s has type oid %u, in the row it is %s (%u)\n", stmt->name,
                    slot->name, PQftype(described, i), db_type_name(slot->type),
                    db_oid(slot->type));
            faults++;
        }
    }
    return faults;
}

static unsigned params_differ(const struct stmt *stmt, const PGresult *described, FILE *out)
{
    unsigned faults = 0;

    if (PQnparams(described) != (int)stmt->param_count) {
        fprintf(out, "%s: the SQL has %d parameters, C %zu\n", stmt->name, PQnparams(described),
                stmt->param_count);
        return 1;
    }
    for (int i = 0; i < PQnparams(described); i++) {
        const struct sql_slot *slot = &stmt->params[i];
        if (PQparamtype(described, i) == db_oid(slot->type)) continue;
        fprintf(out, "%s: :%s has type oid %u, not %s\n", stmt->name, slot->name,
                PQparamtype(described, i), db_type_name(slot->type));
        faults++;
    }
    return faults;
}

static unsigned verify_one(PGconn *conn, const struct stmt *stmt, FILE *out)
{
    Oid oids[64];

    for (size_t i = 0; i < stmt->param_count; i++) oids[i] = db_oid(stmt->params[i].type);
    RESULT prepared = PQprepare(conn, stmt->name, stmt->sql, (int)stmt->param_count, oids);
    if (!succeeded(prepared)) return complain(out, stmt->name, stmt->sql, prepared) != ERR_OK;
    RESULT described = PQdescribePrepared(conn, stmt->name);
    if (!succeeded(described)) return complain(out, stmt->name, stmt->sql, described) != ERR_OK;
    return params_differ(stmt, described, out) + columns_differ(stmt, described, out);
}

err_t db_verify(struct db *db, const struct stmt *const *stmts, FILE *out)
{
    CONN conn = conn_open(db_conninfo(db), out);
    unsigned faults = 0;

    if (PQstatus(conn) != CONNECTION_OK) {
        return err_raise(ERR_UNAVAILABLE, "PostgreSQL does not let us in to verify statements");
    }
    for (; *stmts; stmts++) faults += verify_one(conn, *stmts, out);
    return faults == 0 ? ERR_OK : err_raise(ERR_INTERNAL, "%u faults in SQL statements", faults);
}
