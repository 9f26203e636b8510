/*
 * sqlgen - the .sql files of one folder become typed C.
 *
 *     sqlgen [--tx] FOLDER PREFIX OUTDIR
 *
 * Reads FOLDER/<any>.sql (statements) and FOLDER/migrations/<any>.sql, writes OUTDIR/sql.c and, when
 * it changed, OUTDIR/sql.h. Wrappers take a `struct act *`, with --tx a `struct tx *`. A folder
 * without files, or no folder, gives empty arrays.
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
 *   types    uuid text bytea int4 (int) int8 (bigint) bool timestamptz date uuid[] text[]. The C
 *            member is called like the column or parameter; a timestamptz gets the suffix _us.
 *   :name    a parameter, typed by its first cast; with ? it may be NULL. :org :now :act :actor
 *            come from the transaction's frame and need no cast.
 *   clock    now() and its kin break the build: use :now. A line `-- lease` allows them.
 *   tenant   a statement without :org breaks the build, unless a line says `-- all orgs: why`.
 *
 * Nothing is freed: the process lives for a few milliseconds.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_MAX_BYTES 40 /* prefix.why_of_NAME must fit the 63 of PostgreSQL */
#define SLOTS_MAX 64
#define ROWS_MAX 256
#define STATEMENTS_MAX 1024

struct type {
    const char *sql, *slot, *c;
    bool may_be_null; /* has a C value that means NULL */
};

static const struct type types[] = {
    {"uuid", "SQL_UUID", "struct uuid ", true},
    {"text", "SQL_TEXT", "struct str ", true},
    {"bytea", "SQL_BYTEA", "struct bytes ", true},
    {"int4", "SQL_INT4", "int32_t ", false},
    {"int", "SQL_INT4", "int32_t ", false},
    {"int8", "SQL_INT8", "int64_t ", false},
    {"bigint", "SQL_INT8", "int64_t ", false},
    {"bool", "SQL_BOOL", "bool ", false},
    {"timestamptz", "SQL_TIMESTAMPTZ", "int64_t ", true},
    {"date", "SQL_DATE", "struct str ", true},
    {"uuid[]", "SQL_UUIDS", "struct uuids ", true},
    {"text[]", "SQL_TEXTS", "struct strs ", true},
};

struct slot {
    char *name;
    const struct type *type;
    const char *source;
    bool nullable;
};

static const struct { const char *name, *type, *source; } ambients[] = {
    {"org", "uuid", "SQL_ORG"},
    {"now", "timestamptz", "SQL_NOW"},
    {"act", "uuid", "SQL_ACT"},
    {"actor", "uuid", "SQL_ACTOR"},
};

static const char *const clocks[] = {
    "now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "current_timestamp",
    "current_date", "current_time", "localtimestamp", "localtime", "timeofday",
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
    char *name, *mode, *row_name, *otherwise, *comment, *sql;
    const struct row *row;
    const struct statement *why;
    struct raise raises[SLOTS_MAX];
    size_t raise_count;
    struct slot params[SLOTS_MAX];
    size_t param_count;
    bool all_orgs, lease, with_org;
    const char *clock; /* the first one seen */
};

/* A file being read. */
struct source {
    const char *file;
    const char *p;
    int line;
};

static struct row rows[ROWS_MAX];
static size_t row_count;
static struct statement statements[STATEMENTS_MAX];
static size_t statement_count;

/* ---- small things ---- */

static void __attribute__((noreturn, format(printf, 3, 4)))
fail(const char *file, int line, const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: ", file, line);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static char *copy_of(const char *p, size_t n)
{
    char *copy = strndup(p, n);

    if (!copy) abort();
    return copy;
}

static char *__attribute__((format(printf, 1, 2))) joined(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0) abort();
    va_end(args);
    return text;
}

static char *file_read(const char *path)
{
    size_t n = 0;
    char *text = NULL;
    FILE *f = fopen(path, "re");

    if (!f) return NULL;
    /* No file holds a NUL, so this reads all of it. */
    if (getdelim(&text, &n, '\0', f) < 0) text = copy_of("", 0);
    fclose(f);
    return text;
}

/* The next word of a header; moves @p behind it. NULL at the end. */
static char *word_next(const char **p)
{
    *p += strspn(*p, " \t");
    const size_t n = strcspn(*p, " \t");
    if (n == 0) return NULL;
    char *word = copy_of(*p, n);
    *p += n;
    return word;
}

static const struct type *type_find(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (same(types[i].sql, name)) return &types[i];
    }
    return NULL;
}

static void name_check(const struct source *s, int line, const char *name)
{
    for (const char *c = name; *c; c++) {
        if (!is_word(*c) || isupper((unsigned char)*c)) {
            fail(s->file, line, "'%s' is no lower-case name", name);
        }
    }
    if (isdigit((unsigned char)*name)) fail(s->file, line, "'%s' begins with a digit", name);
    if (strlen(name) > NAME_MAX_BYTES) fail(s->file, line, "the name '%s' is too long", name);
}

/* Rows and statements share C's struct tags. */
static void name_claim(const struct source *s, int line, const char *name)
{
    static struct { const char *name, *file; int line; } taken[ROWS_MAX + STATEMENTS_MAX];
    static size_t count;

    name_check(s, line, name);
    for (size_t i = 0; i < count; i++) {
        if (!same(taken[i].name, name)) continue;
        fail(s->file, line, "duplicate name '%s': see %s:%d", name, taken[i].file, taken[i].line);
    }
    taken[count].name = name;
    taken[count].file = s->file;
    taken[count++].line = line;
}

/* ---- comments: rows and headers ---- */

/* The text of the comment line at s->p without its dashes; moves to the next line. NULL: none. */
static char *comment_next(struct source *s)
{
    const char *p = s->p + strspn(s->p, " \t");

    if (strncmp(p, "--", 2) != 0) return NULL;
    p += 2 + (p[2] == ' ');
    size_t n = strcspn(p, "\n");
    s->p = p + n + (p[n] == '\n');
    s->line++;
    while (n > 0 && isspace((unsigned char)p[n - 1])) n--;
    return copy_of(p, n);
}

/* -- row NAME (column type, ...), perhaps over several comment lines */
static void row_parse(struct source *s, char *text, int line)
{
    for (const char *more; !strchr(text, ')'); text = joined("%s %s", text, more)) {
        more = comment_next(s);
        if (!more) fail(s->file, line, "the row has no )");
    }
    char *open = strchr(text, '(');
    if (!open) fail(s->file, line, "the row has no (");
    if (row_count == ROWS_MAX) fail(s->file, line, "too many rows");
    struct row *row = &rows[row_count];
    *open = '\0';
    *strchr(open + 1, ')') = '\0';

    const char *p = text + strlen("row ");
    row->name = word_next(&p);
    if (!row->name || word_next(&p)) fail(s->file, line, "write: -- row NAME (column type, ...)");
    name_claim(s, line, row->name);
    for (char *column, *rest = open + 1; (column = strsep(&rest, ","));) {
        const char *c = column;
        char *name = word_next(&c), *type = word_next(&c);
        if (!name || !type || word_next(&c)) {
            fail(s->file, line, "row %s: write: column type", row->name);
        }
        name_check(s, line, name);
        if (!type_find(type)) fail(s->file, line, "row %s: unknown type '%s'", row->name, type);
        if (row->count == SLOTS_MAX) fail(s->file, line, "row %s has too many columns", row->name);
        row->slots[row->count++] = (struct slot){name, type_find(type), "SQL_ARGS", false};
    }
    row_count++;
}

/* `else X` and `raises CONSTRAINT ERR_X`, to the end of the line. */
static void outcomes_parse(struct statement *st, const char *p, int line)
{
    for (char *word; (word = word_next(&p));) {
        if (same(word, "else")) {
            char *what = word_next(&p);
            if (!what || st->otherwise) fail(st->file, line, "write one: else ERR_X");
            if (!same(st->mode, ":one")) fail(st->file, line, "only :one has an else");
            st->otherwise = what;
        } else if (same(word, "raises")) {
            char *constraint = word_next(&p), *err = word_next(&p);
            if (!err || strncmp(err, "ERR_", 4) != 0) {
                fail(st->file, line, "write: raises CONSTRAINT ERR_X");
            }
            if (st->raise_count == SLOTS_MAX) fail(st->file, line, "too many raises");
            st->raises[st->raise_count++] = (struct raise){constraint, err};
        } else {
            fail(st->file, line, "'%s' is neither else nor raises", word);
        }
    }
}

static bool is_header(const char *text)
{
    const char *p = text;
    char *name = word_next(&p), *mode = word_next(&p);

    return name && is_word(*name) && mode && mode[0] == ':' && islower((unsigned char)mode[1]);
}

static bool is_outcome(const char *text)
{
    const char *p = text;
    char *word = word_next(&p), *constraint = word_next(&p), *err = word_next(&p);

    return constraint && err && same(word, "raises") && strncmp(err, "ERR_", 4) == 0;
}

static void note_read(struct statement *st, const char *text)
{
    const char all_orgs[] = "all orgs: ";

    if (is_header(text)) fail(st->file, st->line, "statement %s has no ;", st->name);
    st->lease |= same(text, "lease") || strncmp(text, "lease:", 6) == 0;
    st->all_orgs |= strncmp(text, all_orgs, sizeof all_orgs - 1) == 0 && text[sizeof all_orgs - 1];
}

static void header_parse(const struct source *s, struct statement *st, const char *text)
{
    const char *p = text;

    st->name = word_next(&p);
    st->mode = word_next(&p);
    name_claim(s, st->line, st->name);
    if (!same(st->mode, ":exec")) {
        if (!same(st->mode, ":one") && !same(st->mode, ":maybe") && !same(st->mode, ":many")) {
            fail(st->file, st->line, "'%s' is none of :one :maybe :many :exec", st->mode);
        }
        st->row_name = word_next(&p);
        if (!st->row_name) fail(st->file, st->line, "%s needs a row's name", st->mode);
    }
    outcomes_parse(st, p, st->line);
}

/* ---- bodies ---- */

/* The length of what has no parameters in it: a string, a quoted name, a dollar quote, a comment.
 * 0: nothing such begins at @p. An unfinished one reaches to the end of the file. */
static size_t quoted_length(const char *p, bool escapes)
{
    if (*p == '\'' || *p == '"') {
        size_t n = 1;
        for (; p[n]; n++) {
            if (escapes && p[n] == '\\' && p[n + 1]) n++;
            else if (p[n] == *p && p[n + 1] == *p) n++;
            else if (p[n] == *p) return n + 1;
        }
        return n;
    }
    if (strncmp(p, "--", 2) == 0) return strcspn(p, "\n");
    if (strncmp(p, "/*", 2) == 0) {
        const char *end = strstr(p + 2, "*/");
        return end ? (size_t)(end + 2 - p) : strlen(p);
    }
    if (*p != '$') return 0;
    size_t tag = 1;
    while (is_word(p[tag])) tag++;
    if (p[tag] != '$' || isdigit((unsigned char)p[1])) return 0;
    const char *end = memmem(p + tag + 1, strlen(p + tag + 1), p, tag + 1);
    return end ? (size_t)(end + tag + 1 - p) : strlen(p);
}

/* The type of a cast at @p. NULL: there is no cast. */
static const struct type *cast_read(const struct source *s, const char *p)
{
    if (strncmp(p, "::", 2) != 0) return NULL;
    size_t n = 2;
    while (is_word(p[n])) n++;
    if (strncmp(p + n, "[]", 2) == 0) n += 2;
    const struct type *type = type_find(copy_of(p + 2, n - 2));
    if (!type) fail(s->file, s->line, "unknown type '%.*s'", (int)(n - 2), p + 2);
    return type;
}

static struct slot *param_find(struct source *s, struct statement *st, const char *name)
{
    struct slot *param = st->params;

    for (; param < st->params + st->param_count; param++) {
        if (same(param->name, name)) return param;
    }
    if (st->param_count == SLOTS_MAX) fail(s->file, s->line, "too many parameters");
    st->param_count++;
    *param = (struct slot){copy_of(name, strlen(name)), NULL, "SQL_ARGS", false};
    for (size_t i = 0; i < sizeof ambients / sizeof *ambients; i++) {
        if (!same(ambients[i].name, name)) continue;
        param->type = type_find(ambients[i].type);
        param->source = ambients[i].source;
    }
    return param;
}

/* s->p stands on the colon of :name or :name? */
static void param_read(struct source *s, struct statement *st, FILE *sql)
{
    const char *name = ++s->p;

    while (is_word(*s->p)) s->p++;
    struct slot *param = param_find(s, st, copy_of(name, (size_t)(s->p - name)));
    st->with_org |= same(param->source, "SQL_ORG");
    if (*s->p == '?') {
        s->p++;
        param->nullable = true;
    }
    /* The cast itself stays in the SQL and is copied as text. */
    if (!param->type) param->type = cast_read(s, s->p);
    if (param->nullable && !same(param->source, "SQL_ARGS")) {
        fail(s->file, s->line, ":%s is never NULL", param->name);
    }
    if (param->nullable && param->type && !param->type->may_be_null) {
        fail(s->file, s->line, ":%s: an %s cannot be NULL in C; write nullif(:%s::%s, ...)",
             param->name, param->type->sql, param->name, param->type->sql);
    }
    fprintf(sql, "$%zu", (size_t)(param - st->params) + 1);
}

static void word_copy(struct source *s, struct statement *st, FILE *sql)
{
    const char *word = s->p;

    while (is_word(*s->p)) s->p++;
    const size_t n = (size_t)(s->p - word);
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        /* A column may be called now; now( is a call. current_timestamp needs no parenthesis. */
        const bool called = s->p[strspn(s->p, " \t\n")] == '(' || strchr("cl", clocks[i][0]);
        if (called && strlen(clocks[i]) == n && strncasecmp(clocks[i], word, n) == 0) {
            if (!st->clock) st->clock = clocks[i];
        }
    }
    fwrite(word, 1, n, sql);
}

/* Copies a quoted part; comments become nothing. */
static void quoted_copy(struct source *s, struct statement *st, size_t n, FILE *sql)
{
    const bool comment = s->p[0] == '-' || s->p[0] == '/';

    if (comment && s->p[0] == '-') {
        const char *text = s->p + 2 + (s->p[2] == ' ');
        note_read(st, copy_of(text, (size_t)(s->p + n - text)));
    }
    for (size_t i = 0; i < n; i++) s->line += s->p[i] == '\n';
    if (!comment) fwrite(s->p, 1, n, sql);
    s->p += n;
}

static void body_parse(struct source *s, struct statement *st)
{
    size_t n = 0;
    const char *start = s->p;
    FILE *sql = open_memstream(&st->sql, &n);

    if (!sql) abort();
    while (*s->p != ';') {
        const bool escapes = s->p > start + 1 && toupper((unsigned char)s->p[-1]) == 'E' &&
                             !is_word(s->p[-2]);
        const size_t quoted = quoted_length(s->p, escapes);
        if (!*s->p) fail(st->file, st->line, "statement %s has no ;", st->name);
        if (quoted) {
            quoted_copy(s, st, quoted, sql);
        } else if (strncmp(s->p, "::", 2) == 0) {
            fwrite(s->p, 1, 2, sql);
            s->p += 2;
        } else if (*s->p == ':' && (islower((unsigned char)s->p[1]) || s->p[1] == '_')) {
            param_read(s, st, sql);
        } else if (is_word(*s->p)) {
            word_copy(s, st, sql);
        } else {
            s->line += *s->p == '\n';
            fputc(*s->p++, sql);
        }
    }
    s->p++;
    fclose(sql);
}

static void statement_check(const struct statement *st)
{
    for (size_t i = 0; i < st->param_count; i++) {
        if (!st->params[i].type) {
            fail(st->file, st->line, "%s: :%s has no type; write :%s::type once", st->name,
                 st->params[i].name, st->params[i].name);
        }
    }
    if (st->clock && !st->lease) {
        fail(st->file, st->line, "%s: %s is not the act's time: use :now (leases say -- lease)",
             st->name, st->clock);
    }
    if (!st->with_org && !st->all_orgs) {
        fail(st->file, st->line, "%s: no :org; if that is meant, add a line -- all orgs: why",
             st->name);
    }
}

static void statement_parse(struct source *s, const char *header, int line)
{
    if (statement_count == STATEMENTS_MAX) fail(s->file, line, "too many statements");
    struct statement *st = &statements[statement_count];

    *st = (struct statement){.file = s->file, .line = line, .comment = copy_of("", 0)};
    header_parse(s, st, header);
    for (char *text; (text = comment_next(s));) {
        if (is_outcome(text)) {
            outcomes_parse(st, text, s->line - 1);
        } else {
            note_read(st, text);
            st->comment = joined("%s%s\n", st->comment, text);
        }
    }
    body_parse(s, st);
    statement_check(st);
    statement_count++;
}

static void file_parse(const char *path)
{
    struct source s = {path, file_read(path), 1};

    if (!s.p) fail(path, 1, "%s", strerror(errno));
    while (*(s.p += strspn(s.p, " \t\r"))) {
        const int line = s.line;
        if (*s.p == '\n') {
            s.p++;
            s.line++;
            continue;
        }
        char *text = comment_next(&s);
        if (!text) fail(path, line, "SQL without a header: write -- NAME  :exec, or :one ROW");
        if (strncmp(text, "row ", 4) == 0 && strchr(text, '(')) row_parse(&s, text, line);
        else if (is_header(text)) statement_parse(&s, text, line);
    }
}

/* ---- what names mean ---- */

static const struct slot *param_of(const struct statement *st, const char *name)
{
    for (size_t i = 0; i < st->param_count; i++) {
        if (same(st->params[i].name, name)) return &st->params[i];
    }
    return NULL;
}

static void why_resolve(struct statement *st)
{
    for (size_t i = 0; i < statement_count; i++) {
        if (same(statements[i].name, st->otherwise)) st->why = &statements[i];
    }
    if (!st->why) fail(st->file, st->line, "%s: no statement '%s'", st->name, st->otherwise);
    const struct row *row = st->why->row;
    if (!same(st->why->mode, ":one") || row->count != 1 ||
        !same(row->slots[0].type->sql, "text")) {
        fail(st->file, st->line, "%s: %s must be a :one with one text column", st->name,
             st->otherwise);
    }
    for (size_t i = 0; i < st->why->param_count; i++) {
        const struct slot *theirs = &st->why->params[i];
        if (!same(theirs->source, "SQL_ARGS")) continue;
        const struct slot *ours = param_of(st, theirs->name);
        if (!ours || ours->type->slot != theirs->type->slot) {
            fail(st->file, st->line, "%s: %s needs :%s %s, which is not here", st->name,
                 st->otherwise, theirs->name, theirs->type->sql);
        }
    }
}

static void names_resolve(void)
{
    for (size_t i = 0; i < statement_count; i++) {
        struct statement *st = &statements[i];
        for (size_t k = 0; st->row_name && k < row_count; k++) {
            if (same(rows[k].name, st->row_name)) st->row = &rows[k];
        }
        if (st->row_name && !st->row) {
            fail(st->file, st->line, "%s: no row '%s'", st->name, st->row_name);
        }
    }
    for (size_t i = 0; i < statement_count; i++) {
        struct statement *st = &statements[i];
        if (st->otherwise && strncmp(st->otherwise, "ERR_", 4) != 0) why_resolve(st);
    }
}

/* ---- C ---- */

static bool has_args(const struct statement *st)
{
    for (size_t i = 0; i < st->param_count; i++) {
        if (same(st->params[i].source, "SQL_ARGS")) return true;
    }
    return false;
}

static const char *member_suffix(const struct slot *slot)
{
    return same(slot->type->sql, "timestamptz") ? "_us" : "";
}

static void members_write(FILE *h, const struct slot *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!same(slots[i].source, "SQL_ARGS")) continue;
        fprintf(h, "    %s%s%s;%s\n", slots[i].type->c, slots[i].name, member_suffix(&slots[i]),
                slots[i].nullable ? " /* or NULL */" : "");
    }
}

/* @owner is the struct that the offsets are of. */
static void slots_write(FILE *c, const char *array, const char *owner, const struct slot *slots,
                        size_t count)
{
    if (count == 0) return;
    fprintf(c, "static const struct sql_slot %s[] = {\n", array);
    for (size_t i = 0; i < count; i++) {
        fprintf(c, "    {\"%s\", %s, %s, ", slots[i].name, slots[i].type->slot, slots[i].source);
        if (same(slots[i].source, "SQL_ARGS")) {
            fprintf(c, "offsetof(struct %s, %s%s)", owner, slots[i].name, member_suffix(&slots[i]));
        } else {
            fputc('0', c);
        }
        fprintf(c, ", %s},\n", slots[i].nullable ? "true" : "false");
    }
    fputs("};\n", c);
}

static void literal_write(FILE *c, const char *text)
{
    fputs("        \"", c);
    for (; *text; text++) {
        if (*text == '\n') fputs(text[1] ? "\\n\"\n        \"" : "\\n", c);
        else if (*text == '"' || *text == '\\') fprintf(c, "\\%c", *text);
        else fputc(*text, c);
    }
    fputc('"', c);
}

static void prototype_write(FILE *out, const struct statement *st, const char *handle)
{
    const bool exec = same(st->mode, ":exec");

    fprintf(out, "%s%s(struct %s *%s", exec ? "void " : "err_t ", st->name, handle, handle);
    if (has_args(st)) fprintf(out, ", const struct %s *in", st->name);
    if (st->row) {
        const bool many = same(st->mode, ":many");
        fprintf(out, ", struct %s%s *ret", st->row->name, many ? "_rows" : "");
    }
    if (same(st->mode, ":maybe")) fputs(", bool *ret_found", out);
    fputc(')', out);
}

/* The statement as data. A `why` is its twin whose offsets are into @owner's arguments. */
static void statement_write(FILE *c, const struct statement *st, const struct statement *owner,
                            const char *prefix)
{
    const bool twin = st != owner;
    const char *base = twin ? joined("why_of_%s", owner->name) : st->name;

    slots_write(c, joined("%s_params", base), owner->name, st->params, st->param_count);
    if (!twin && st->raise_count > 0) {
        fprintf(c, "static const struct sql_raise %s_raises[] = {\n", base);
        for (size_t i = 0; i < st->raise_count; i++) {
            fprintf(c, "    {\"%s\", %s},\n", st->raises[i].constraint, st->raises[i].err);
        }
        fputs("    {NULL, ERR_OK},\n};\n", c);
    }
    fprintf(c, "%sconst struct stmt %s_stmt = {\n    .name = \"%s.%s\",\n    .sql =\n",
            twin ? "static " : "", base, prefix, base);
    literal_write(c, st->sql);
    fputs(",\n", c);
    if (st->param_count) {
        fprintf(c, "    .params = %s_params,\n    .param_count = %zu,\n", base, st->param_count);
    }
    if (st->row) {
        fprintf(c, "    .columns = %s_columns,\n    .column_count = %zu,\n"
                   "    .row_bytes = sizeof(struct %s),\n",
                st->row->name, st->row->count, st->row->name);
    }
    if (same(st->mode, ":one")) {
        const char *none = st->otherwise && !st->why ? st->otherwise : "ERR_NOT_FOUND";
        fprintf(c, "    .none = %s,\n", none);
    }
    if (st->why) fprintf(c, "    .why = &why_of_%s_stmt,\n", base);
    if (!twin && st->raise_count > 0) fprintf(c, "    .raises = %s_raises,\n", base);
    fputs("};\n", c);
}

static void wrapper_write(FILE *c, const struct statement *st, bool tx)
{
    const char *args = joined("%s, &%s_stmt, %s", tx ? "tx" : "act_tx(act)", st->name,
                              has_args(st) ? "in" : "NULL");

    prototype_write(c, st, tx ? "tx" : "act");
    fputs("\n{\n", c);
    if (same(st->mode, ":exec")) {
        fprintf(c, "    tx_queue(%s);\n", args);
    } else if (same(st->mode, ":one")) {
        fprintf(c, "    return tx_one(%s, ret);\n", args);
    } else if (same(st->mode, ":maybe")) {
        fprintf(c, "    return tx_maybe(%s, ret, ret_found);\n", args);
    } else {
        fprintf(c, "    struct rows rows;\n\n    TRY(tx_many(%s, &rows));\n"
                   "    *ret = (struct %s_rows){rows.p, rows.n};\n    return ERR_OK;\n",
                args, st->row->name);
    }
    fputs("}\n\n", c);
}

static void comment_write(FILE *h, const struct statement *st)
{
    fprintf(h, "/* %s:%d\n", st->file, st->line);
    for (const char *p = st->comment; *p; p++) {
        if (p == st->comment || p[-1] == '\n') fputs(" * ", h);
        fputc(*p, h);
        if (p[0] == '*' && p[1] == '/') fputc(' ', h);
    }
    fputs(" */\n", h);
}

static void header_write(FILE *h, const char *folder, const char *prefix, bool tx)
{
    fprintf(h, "/* Made by sqlgen from %s; do not edit. */\n#pragma once\n\n", folder);
    if (!tx) fputs("#include \"common/app/act.h\"\n", h);
    fputs("#include \"common/io/db.h\"\n\n", h);
    for (size_t i = 0; i < row_count; i++) {
        fprintf(h, "struct %s {\n", rows[i].name);
        members_write(h, rows[i].slots, rows[i].count);
        fprintf(h, "};\n\nstruct %s_rows {\n    const struct %s *p;\n    size_t n;\n};\n\n",
                rows[i].name, rows[i].name);
    }
    for (size_t i = 0; i < statement_count; i++) {
        const struct statement *st = &statements[i];
        if (has_args(st)) {
            fprintf(h, "struct %s {\n", st->name);
            members_write(h, st->params, st->param_count);
            fputs("};\n\n", h);
        }
        comment_write(h, st);
        prototype_write(h, st, tx ? "tx" : "act");
        fprintf(h, ";\nextern const struct stmt %s_stmt;\n\n", st->name);
    }
    fprintf(h, "extern const struct stmt *const %s_stmts[]; /* ends in NULL */\n", prefix);
    fprintf(h, "extern const struct migration %s_migrations[]; /* ends in a nameless row */\n",
            prefix);
}

static void code_write(FILE *c, const char *folder, const char *prefix, bool tx)
{
    fprintf(c, "/* Made by sqlgen from %s; do not edit. */\n#include \"sql.h\"\n\n"
               "#include <stddef.h>\n\n", folder);
    for (size_t i = 0; i < row_count; i++) {
        const struct row *row = &rows[i];
        slots_write(c, joined("%s_columns", row->name), row->name, row->slots, row->count);
    }
    for (size_t i = 0; i < statement_count; i++) {
        const struct statement *st = &statements[i];
        fputc('\n', c);
        if (st->why) statement_write(c, st->why, st, prefix);
        statement_write(c, st, st, prefix);
        wrapper_write(c, st, tx);
    }
    fprintf(c, "const struct stmt *const %s_stmts[] = {\n", prefix);
    for (size_t i = 0; i < statement_count; i++) fprintf(c, "    &%s_stmt,\n", statements[i].name);
    fputs("    NULL,\n};\n\n", c);
}

/* ---- files ---- */

static int is_sql(const struct dirent *entry)
{
    const size_t n = strlen(entry->d_name);

    return n > 4 && entry->d_name[0] != '.' && same(entry->d_name + n - 4, ".sql");
}

/* By name, in the same order everywhere: no locale is set. */
static size_t folder_list(const char *folder, struct dirent ***ret_entries)
{
    const int n = scandir(folder, ret_entries, is_sql, alphasort);

    if (n < 0 && errno != ENOENT) fail(folder, 1, "%s", strerror(errno));
    return n < 0 ? 0 : (size_t)n;
}

static void migrations_write(FILE *c, const char *folder, const char *prefix)
{
    struct dirent **entries = NULL;
    const char *sub = joined("%s/migrations", folder);
    const size_t count = folder_list(sub, &entries);

    fprintf(c, "const struct migration %s_migrations[] = {\n", prefix);
    for (size_t i = 0; i < count; i++) {
        const char *name = entries[i]->d_name, *path = joined("%s/%s", sub, name);
        const char *text = file_read(path);
        if (!text) fail(path, 1, "%s", strerror(errno));
        fprintf(c, "    {\"%.*s\",\n", (int)(strlen(name) - 4), name);
        literal_write(c, text);
        fputs("},\n", c);
    }
    fputs("    {NULL, NULL},\n};\n", c);
}

static void file_write(const char *path, const char *text)
{
    const char *part = joined("%s.part", path);
    FILE *f = fopen(part, "we");

    if (!f || fputs(text, f) < 0 || fclose(f) != 0 || rename(part, path) != 0) {
        fail(path, 1, "%s", strerror(errno));
    }
}

static void folder_make(const char *path)
{
    for (size_t n = 1; n <= strlen(path); n++) {
        if (path[n] != '/' && path[n] != '\0') continue;
        if (mkdir(copy_of(path, n), 0777) != 0 && errno != EEXIST) {
            fail(path, 1, "%s", strerror(errno));
        }
    }
}

int main(int argc, char **argv)
{
    const bool tx = argc > 1 && same(argv[1], "--tx");
    struct dirent **entries = NULL;
    char *h = NULL, *c = NULL;
    size_t n = 0;

    if (argc - tx != 4) {
        fputs("usage: sqlgen [--tx] FOLDER PREFIX OUTDIR\n", stderr);
        return 2;
    }
    const char *folder = argv[1 + tx], *prefix = argv[2 + tx], *out_folder = argv[3 + tx];
    const size_t count = folder_list(folder, &entries);
    for (size_t i = 0; i < count; i++) file_parse(joined("%s/%s", folder, entries[i]->d_name));
    names_resolve();

    FILE *out = open_memstream(&h, &n);
    if (!out) abort();
    header_write(out, folder, prefix, tx);
    fclose(out);
    out = open_memstream(&c, &n);
    if (!out) abort();
    code_write(out, folder, prefix, tx);
    migrations_write(out, folder, prefix);
    fclose(out);
    folder_make(out_folder);
    const char *h_path = joined("%s/sql.h", out_folder), *old = file_read(h_path);
    if (!old || !same(old, h)) file_write(h_path, h);
    file_write(joined("%s/sql.c", out_folder), c);
    return 0;
}
