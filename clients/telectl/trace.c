/* By which token, or which sign-in: the log knows both under a hash of the identity provider's ids.
 * The token is read here from its file; the suite is only asked about the hash. */
#include "clients/telectl/telectl.h"

#include "common/app/auth.h"

#include <stdio.h>
#include <string.h>

struct ids {
    struct str iss, jti, sid;
};

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const struct shape ids_shape = {"Ids", sizeof(struct ids), (const struct field[]){
    {"iss", TEXT, IN(ids, iss), REQUIRED, 1, 255},
    {"jti", TEXT, IN(ids, jti), 0, 1, 127},
    {"sid", TEXT, IN(ids, sid), 0, 1, 127},
    {0},
}};

static const struct trace {
    enum option_word option;
    const char *what;
    size_t id;
} traces[] = {
    {WITH_TOKEN, TRACE_TOKEN, IN(ids, jti)},
    {WITH_SIGN_IN, TRACE_SIGN_IN, IN(ids, sid)},
};
#define TRACES (sizeof traces / sizeof *traces)
/* clang-format on */

/* What the token in @path says of itself; nobody asks here whether it was signed. */
static bool token_read(struct arena *arena, const char *path, struct ids *ret)
{
    char text[JWS_BYTES_MAX + 2];
    uint8_t claims[JWS_BYTES_MAX];
    FILE *const file = fopen(path, "re");
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    struct json_fault fault = {"", NULL};

    if (file) fclose(file);
    text[n] = '\0';
    char *const begin = strchr(text, '.'), *const end = begin ? strchr(begin + 1, '.') : NULL;
    if (!end || (size_t)(end - begin) > sizeof claims) return false;
    const struct str middle = {begin + 1, (size_t)(end - begin - 1)};
    return base64url_decode(middle, claims, &n) &&
           json_decode_lenient(&ids_shape, arena_bytes(arena, bytes_of(claims, n)), arena, ret,
                               &fault) == ERR_OK;
}

/* The hash in place of the file's name; false after saying why there is none. */
static bool trace_put(struct call *call, const struct trace *trace, char hash[UUID_TEXT + 1])
{
    const char *const given = call->with[trace->option];
    struct ids ids = {0};
    struct str id;
    struct uuid known;

    if (!given || uuid_parse(str_of(given), &known)) return true; /* a hash already */
    if (!token_read(call->arena, given, &ids)) {
        trouble("%s holds no access token", "name a file with the token (a JWT), or its hash",
                given);
        return false;
    }
    memcpy(&id, (const char *)&ids + trace->id, sizeof id);
    if (!id.n) {
        trouble("the token in %s names no %s", "the other of --token and --sign-in", given,
                trace->what);
        return false;
    }
    known = auth_trace(trace->what, arena_cstr(call->arena, ids.iss), arena_cstr(call->arena, id));
    call->with[trace->option] = uuid_format(known, hash);
    return true;
}

int breach_scope(const struct call *call)
{
    char hashes[TRACES][UUID_TEXT + 1];
    struct call asked = *call;

    for (size_t i = 0; i < TRACES; i++) {
        if (!trace_put(&asked, &traces[i], hashes[i])) return UNWELL;
    }
    return list_show(&asked);
}
