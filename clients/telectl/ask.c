/* A question to the suite through its gateway, as the person whose token stands in the environment.
 */
#include "clients/telectl/files.h"
#include "clients/telectl/telectl.h"
#include "common/base/uuid.h"

#include <curl/curl.h>
#include <stdlib.h>

struct gateway {
    struct str gateway, ca_file;
};

struct problem {
    struct str code, title;
};

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const struct shape gateway_shape = {"Gateway", sizeof(struct gateway),
    (const struct field[]){
    {"gateway", TEXT, IN(gateway, gateway), REQUIRED, 1, 512},
    {"ca_file", TEXT, IN(gateway, ca_file), REQUIRED, 1, 512},
    {0},
}};
static const struct shape problem_shape = {"Problem", sizeof(struct problem),
    (const struct field[]){
    {"code", TEXT, IN(problem, code), 0, 1, 64},
    {"title", TEXT, IN(problem, title), 0, 1, 256},
    {0},
}};

static const struct {
    enum option_word option;
    const char *name;
} in_query[] = {
#define OPTION(name, word, in_query, about) {WITH_##name, in_query},
#include "clients/telectl/options.def"
#undef OPTION
};
/* clang-format on */

struct asked {
    struct str path, json;
};

struct download {
    char *buf;
    size_t n;
};

static size_t download_write(char *from, size_t size, size_t count, void *user)
{
    struct download *const download = user;
    const size_t n = size * count;

    if (n > ANSWER_BYTES_MAX - download->n) return 0; /* libcurl gives up */
    memcpy(download->buf + download->n, from, n);
    download->n += n;
    return n;
}

static struct str escaped(struct arena *arena, struct str text)
{
    char *const made = curl_easy_escape(NULL, text.p, (int)text.n);

    if (!made) abort();
    const struct str copy = arena_str(arena, str_of(made));
    curl_free(made);
    return copy;
}

struct str ask_query(const struct call *call, struct str cursor)
{
    struct str query = STR("");

    for (int i = 0; i < OPTION_WORDS; i++) {
        const char *const given = call->with[in_query[i].option];

        if (!in_query[i].name || !given) continue;
        query = arena_printf(call->arena, STR_FMT "%s%s=" STR_FMT, STR_ARG(query),
                             query.n ? "&" : "?", in_query[i].name,
                             STR_ARG(escaped(call->arena, str_of(given))));
    }
    if (!cursor.n) return query;
    return arena_printf(call->arena, STR_FMT "%scursor=" STR_FMT, STR_ARG(query),
                        query.n ? "&" : "?", STR_ARG(cursor));
}

/* --url and --ca, or what the suite says of itself. */
static bool gateway_find(const struct call *call, struct gateway *ret)
{
    *ret = (struct gateway){str_of(call->with[WITH_URL]), str_of(call->with[WITH_CA])};
    if (ret->gateway.p) return true;
    return file_decode(call->arena, call->with[WITH_RUN], "parts.json", &gateway_shape, ret) ==
           WELL;
}

static void refused(const struct call *call, long status, struct bytes body)
{
    struct problem problem = {STR_NONE, STR_NONE};
    const char *mend = "the words of the command: telectl without any lists them";

    (void)!json_decode_lenient(&problem_shape, body, call->arena, &problem, NULL);
    if (status == 401) mend = "TELECURA_TOKEN=$(python3 deploy/local/login.py NAME): a new token";
    if (status == 403) mend = "a role that may (telectl policy matrix), login.py --acr 2 if asked";
    trouble("the suite answers %ld " STR_FMT ": " STR_FMT, mend, status, STR_ARG(problem.code),
            STR_ARG(problem.title));
}

static CURLcode perform(const struct call *call, const struct gateway *gateway,
                        const struct asked *asked, struct download *download, long *ret_status)
{
    const char *const token = getenv("TELECURA_TOKEN");
    CURL *const curl = curl_easy_init();
    struct str header = STR("Authorization;");

    if (!curl) abort();
    if (token) header = arena_printf(call->arena, "Authorization: Bearer %s", token);
    struct curl_slist *headers = curl_slist_append(NULL, arena_cstr(call->arena, header));
    if (asked->json.p) {
        const struct str key =
            arena_printf(call->arena, "Idempotency-Key: %s", UUID_ARG(uuid_v4()));
        headers = curl_slist_append(headers, arena_cstr(call->arena, key));
        headers = curl_slist_append(headers, "Content-Type: application/json");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)asked->json.n);
        curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, asked->json.p);
    }
    const struct str url = arena_printf(call->arena, STR_FMT STR_FMT, STR_ARG(gateway->gateway),
                                        STR_ARG(asked->path));
    if (!str_starts(url, "http://127.0.0.1:")) /* nowhere else goes a token in clear */
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_URL, arena_cstr(call->arena, url));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, download_write);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, download);
    if (gateway->ca_file.p)
        curl_easy_setopt(curl, CURLOPT_CAINFO, arena_cstr(call->arena, gateway->ca_file));
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return code;
}

static bool ask_any(const struct call *call, const struct asked *asked, struct bytes *ret)
{
    struct download download = {arena_alloc(call->arena, ANSWER_BYTES_MAX), 0};
    struct gateway gateway;
    long status = 0;

    if (!gateway_find(call, &gateway)) return false;
    const CURLcode code = perform(call, &gateway, asked, &download, &status);
    *ret = bytes_of(download.buf, download.n);
    if (code != CURLE_OK)
        trouble("cannot ask " STR_FMT ": %s", "make up (or name the gateway: --url, --ca)",
                STR_ARG(gateway.gateway), curl_easy_strerror(code));
    else if (status != 200 && status != 201)
        refused(call, status, *ret);
    return code == CURLE_OK && (status == 200 || status == 201);
}

bool ask(const struct call *call, struct str path, struct bytes *ret)
{
    return ask_any(call, &(struct asked){path, STR_NONE}, ret);
}

bool ask_to_do(const struct call *call, struct str path, struct str json, struct bytes *ret)
{
    return ask_any(call, &(struct asked){path, json}, ret);
}
