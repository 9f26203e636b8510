#include "sqlgen.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 40 /* prefix.why_of_NAME must fit the 63 of PostgreSQL */

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
    {"bytea[]", "SQL_BYTEAS", "struct blobs ", true},
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

/* A file being read. */
struct source {
    const char *file;
    const char *p;
    int line;
};

struct row rows[ROWS_MAX];
size_t row_count;
struct statement statements[STATEMENTS_MAX];
size_t statement_count;

/* ---- small things ---- */

void fail(const char *file, int line, const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: ", file, line);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

char *copy_of(const char *p, size_t n)
{
    char *copy = strndup(p, n);

    if (!copy) abort();
    return copy;
}

char *joined(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0) abort();
    va_end(args);
    return text;
}

char *file_read(const char *path)
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

/* `else X`, `like X` and `raises CONSTRAINT ERR_X`, to the end of the line. */
static void outcomes_parse(struct statement *st, const char *p, int line)
{
    for (char *word; (word = word_next(&p));) {
        if (same(word, "else")) {
            char *what = word_next(&p);
            if (!what || st->otherwise) fail(st->file, line, "write one: else ERR_X");
            if (!same(st->mode, ":one")) fail(st->file, line, "only :one has an else");
            st->otherwise = what;
        } else if (same(word, "like")) {
            st->like = word_next(&p);
            if (!st->like) fail(st->file, line, "write: like STATEMENT");
        } else if (same(word, "raises")) {
            char *constraint = word_next(&p), *err = word_next(&p);
            if (!err || strncmp(err, "ERR_", 4) != 0) {
                fail(st->file, line, "write: raises CONSTRAINT ERR_X");
            }
            if (st->raise_count == SLOTS_MAX) fail(st->file, line, "too many raises");
            st->raises[st->raise_count++] = (struct raise){constraint, err};
        } else {
            fail(st->file, line, "'%s' is none of else, like, raises", word);
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

void file_parse(const char *path)
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

static const struct statement *statement_of(const struct statement *st, const char *name)
{
    for (size_t i = 0; i < statement_count; i++) {
        if (same(statements[i].name, name)) return &statements[i];
    }
    fail(st->file, st->line, "%s: no statement '%s'", st->name, name);
}

/* All that @st asks for is among the parameters of @owner. */
static void params_among(const struct statement *st, const struct statement *owner)
{
    for (size_t i = 0; i < st->param_count; i++) {
        const struct slot *asked = &st->params[i];
        if (!same(asked->source, "SQL_ARGS")) continue;
        const struct slot *has = param_of(owner, asked->name);
        if (!has || has->type->slot != asked->type->slot) {
            fail(owner->file, owner->line, "%s: %s needs :%s %s, which is not here", owner->name,
                 st->name, asked->name, asked->type->sql);
        }
    }
}

static void why_resolve(struct statement *st)
{
    st->why = statement_of(st, st->otherwise);
    const struct row *row = st->why->row;
    if (!same(st->why->mode, ":one") || row->count != 1 ||
        !same(row->slots[0].type->sql, "text")) {
        fail(st->file, st->line, "%s: %s must be a :one with one text column", st->name,
             st->otherwise);
    }
    params_among(st->why, st);
}

void names_resolve(void)
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
        st->args = st->like ? statement_of(st, st->like) : st;
        params_among(st, st->args);
    }
}
