#include "sqlgen.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
