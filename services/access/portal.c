#include "common/io/http.h"
#include "services/access/access.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((off_t)4 * 1024 * 1024)
#define PATH_BYTES_MAX 200

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
};

/* Only our own scripts and styles; media and sockets for the call; in nobody's frame. */
static const struct http_header headers[] = {
    {"Content-Security-Policy",
     STR("default-src 'self'; connect-src 'self' wss:; img-src 'self' data:; media-src 'self' "
         "blob:; "
         "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")},
    {"X-Content-Type-Options", STR("nosniff")},
    {"Referrer-Policy", STR("no-referrer")},
    {"Permissions-Policy", STR("camera=(self), microphone=(self), geolocation=()")},
    {"Cross-Origin-Opener-Policy", STR("same-origin")},
};

/* NULL: not of a type that is served. */
static const char *type_of(struct str path)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const size_t n = strlen(types[i].ending);
        if (path.n > n && memcmp(path.p + path.n - n, types[i].ending, n) == 0)
            return types[i].type;
    }
    return NULL;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/';
}

/* Plain characters, and no segment that is empty or begins with a dot: nothing leads outside. */
static bool is_inside(struct str path)
{
    char before = '/';

    if (path.n == 0 || path.n > PATH_BYTES_MAX) return false;
    for (size_t i = 0; i < path.n; i++) {
        if (!is_plain(path.p[i])) return false;
        if (before == '/' && (path.p[i] == '.' || path.p[i] == '/')) return false;
        before = path.p[i];
    }
    return before != '/';
}

static err_t file_read(struct act *act, const char *path, struct bytes *ret_text)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) return ERR_NOT_FOUND;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX) {
        close(fd);
        return ERR_NOT_FOUND;
    }
    uint8_t *text = arena_alloc(act->arena, (size_t)st.st_size + 1);
    const ssize_t n = read(fd, text, (size_t)st.st_size);
    close(fd);
    if (n != st.st_size)
        return err_raise(ERR_UNAVAILABLE, "cannot read %s: %s", path, strerror(errno));
    *ret_text = bytes_of(text, (size_t)n);
    return ERR_OK;
}

/* GET /...: a file of portal_dir; a folder answers its index.html. */
err_t portal_read(struct act *act)
{
    const struct access_settings *settings = service_settings();
    const struct str path = act->path_rest.n ? act->path_rest : STR("index.html");
    const char *type = type_of(path);
    struct bytes text;

    TRY(act_allow_none(act));
    if (!*settings->portal_dir || !type || !is_inside(path)) return ERR_NOT_FOUND;
    const struct str file =
        arena_printf(act->arena, "%s/" STR_FMT, settings->portal_dir, STR_ARG(path));
    TRY(file_read(act, arena_cstr(act->arena, file), &text));
    return act_reply_raw(act, 200, type, text, headers, sizeof headers / sizeof *headers);
}

/* GET /v1/openapi.json */
err_t openapi_read(struct act *act)
{
    const struct access_settings *settings = service_settings();
    struct bytes text;

    TRY(act_allow_none(act));
    if (!*settings->openapi) return ERR_NOT_FOUND;
    TRY(file_read(act, settings->openapi, &text));
    return act_reply_raw(act, 200, "application/json", text, NULL, 0);
}
