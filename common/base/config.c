#include "common/base/config.h"
#include "common/base/arena.h"
#include "common/base/secret.h"
#include "common/base/uuid.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#define LINES_MAX 512
#define FILE_BYTES_MAX ((size_t)64 * 1024)
#define SECRET_BYTES_MAX ((size_t)4096)
#define ENV_PREFIX "TELECURA_"

struct entry {
    struct str key, value;
    unsigned line;
};

struct load {
    const struct setting *const *tables;
    const char *file;
    struct arena *texts;
    FILE *complaints;
    unsigned faults;
    struct entry entries[LINES_MAX];
    size_t n;
};

__attribute__((format(printf, 2, 3)))
static void complain(struct load *load, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vfprintf(load->complaints, fmt, args);
    va_end(args);
    fputc('\n', load->complaints);
    load->faults++;
}

static struct str trim(struct str s)
{
    while (s.n && isspace((unsigned char)s.p[0])) s = (struct str){s.p + 1, s.n - 1};
    while (s.n && isspace((unsigned char)s.p[s.n - 1])) s.n--;
    return s;
}

static const struct setting *setting_find(const struct load *load, struct str key)
{
    for (const struct setting *const *table = load->tables; *table; table++)
        for (const struct setting *row = *table; row->key; row++)
            if (str_is(key, row->key)) return row;
    return NULL;
}

static const struct entry *entry_find(const struct load *load, struct str key)
{
    for (size_t i = 0; i < load->n; i++)
        if (str_equal(load->entries[i].key, key)) return &load->entries[i];
    return NULL;
}

static void line_read(struct load *load, struct str text, unsigned line)
{
    struct str value = trim(text), key;
    const struct entry *earlier;
    struct entry entry = {.line = line};

    if (value.n == 0 || value.p[0] == '#') return;
    if (!str_cut(&value, '=', &key)) {
        complain(load, "%s:%u: not a setting: write `key = value`", load->file, line);
        return;
    }
    entry.key = trim(key);
    entry.value = trim(value);
    earlier = entry_find(load, entry.key);
    if (!setting_find(load, entry.key))
        complain(load, "%s:%u: " STR_FMT ": unknown key: --describe lists those that exist",
                 load->file, line, STR_ARG(entry.key));
    else if (earlier)
        complain(load, "%s:%u: " STR_FMT ": set before in line %u: leave one", load->file, line,
                 STR_ARG(entry.key), earlier->line);
    else if (load->n == LINES_MAX)
        complain(load, "%s:%u: more than %d settings", load->file, line, LINES_MAX);
    else
        load->entries[load->n++] = entry;
}

/* @buffer holds FILE_BYTES_MAX; the entries point into it. */
static void file_read(struct load *load, char *buffer)
{
    FILE *const file = fopen(load->file, "re");
    struct str text = {buffer, 0}, each;

    if (file) {
        setvbuf(file, NULL, _IONBF, 0); /* no copy in a buffer that nobody wipes */
        errno = 0;
        text.n = fread(buffer, 1, FILE_BYTES_MAX, file);
    }
    if (!file || ferror(file))
        complain(load, "%s: cannot be read: %s", load->file, strerror(errno));
    if (file) fclose(file);
    if (text.n == FILE_BYTES_MAX) complain(load, "%s: too large: 64 KiB are enough", load->file);

    for (unsigned line = 1; str_next(&text, '\n', &each); line++) line_read(load, each, line);
}

/* The environment's word for @key; NULL when it has none. */
static const char *env_value(const char *key)
{
    char name[100] = ENV_PREFIX;
    size_t n = sizeof ENV_PREFIX - 1;

    for (; *key && n < sizeof name - 1; key++) name[n++] = (char)toupper((unsigned char)*key);
    name[n] = 0;
    return getenv(name);
}

/* @path's first line into @to; false when there is none. */
static bool first_line_read(const char *path, char to[SECRET_BYTES_MAX])
{
    FILE *const file = fopen(path, "re");
    size_t n;

    if (!file) return false;
    setvbuf(file, NULL, _IONBF, 0);
    n = fread(to, 1, SECRET_BYTES_MAX - 1, file);
    fclose(file);
    n = strcspn(to, "\r\n");
    secret_wipe(to + n, SECRET_BYTES_MAX - n);
    return n > 0;
}

/* Secrets lie in pages of their own, which are never dumped. */
static const char *secret_store(struct load *load, struct str value, const char **member)
{
    char *const secret = secret_alloc(SECRET_BYTES_MAX);

    *member = secret;
    if (str_starts(value, "/"))
        return first_line_read(arena_cstr(load->texts, value), secret)
                   ? NULL
                   : "the file that should hold the secret is empty or cannot be read";
    if (value.n >= SECRET_BYTES_MAX) return "too long";
    if (value.n) memcpy(secret, value.p, value.n);
    return NULL;
}

/* Stores @value at @member; the complaint when it is no such value. Values are not quoted: an
 * operator may have put a secret into the wrong row. */
static const char *value_store(struct load *load, const struct setting *row, struct str value,
                               void *member)
{
    switch (row->type) {
    case SETTING_INT:
        return str_int(value, row->min, row->max, member) ? NULL : "not a whole number";
    case SETTING_BOOL:
        *(bool *)member = str_is(value, "true");
        return *(bool *)member || str_is(value, "false") ? NULL : "write true or false";
    case SETTING_UUID:
        *(struct uuid *)member = UUID_NIL;
        return value.n == 0 || uuid_parse(value, member) ? NULL : "not an id (a UUID)";
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_PLACE:
        *(const char **)member = arena_cstr(load->texts, value);
        return NULL;
    case SETTING_SECRET: return secret_store(load, value, member);
    }
    return "the table is wrong";
}

static void setting_load(struct load *load, const struct setting *row, void *settings)
{
    const char *const env = env_value(row->key), *fault;
    const struct entry *const entry = entry_find(load, str_of(row->key));
    struct str value = str_of(row->fallback);
    char place[200] = "";

    if (env) {
        value = str_of(env);
        snprintf(place, sizeof place, "environment: ");
    } else if (entry) {
        value = entry->value;
        snprintf(place, sizeof place, "%.150s:%u: ", load->file, entry->line);
    }
    if (!value.p) {
        complain(load, "%s: missing: %s", row->key, row->about);
        return;
    }
    fault = value_store(load, row, value, (char *)settings + row->offset);
    if (fault && row->type == SETTING_INT)
        complain(load, "%s%s: %s in %lld..%lld: %s", place, row->key, fault, (long long)row->min,
                 (long long)row->max, row->about);
    else if (fault)
        complain(load, "%s%s: %s: %s", place, row->key, fault, row->about);
}

err_t config_load(const struct setting *const *tables, const char *file, void *settings,
                  FILE *complaints)
{
    static struct arena *texts; /* lives as long as the process, as the texts must */
    char *const buffer = secret_alloc(FILE_BYTES_MAX); /* the file may hold secrets */
    struct load *load;

    if (!texts) texts = arena_new(SIZE_MAX);
    load = ARENA_NEW(texts, struct load);
    load->tables = tables;
    load->file = file;
    load->texts = texts;
    load->complaints = complaints;
    if (file) file_read(load, buffer);
    for (const struct setting *const *table = tables; *table; table++)
        for (const struct setting *row = *table; row->key; row++)
            setting_load(load, row, settings);
    secret_free(buffer, FILE_BYTES_MAX);
    return load->faults ? ERR_BAD_REQUEST : ERR_OK;
}
