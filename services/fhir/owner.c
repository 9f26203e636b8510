#include "common/base/clock.h"
#include "services/fhir/fhir.h"

#include <curl/curl.h>
#include <malloc.h>
#include <stdlib.h>

#define BODY_BYTES_MAX (1024 * 1024)

static const struct {
    const char *name; /* of its certificate */
    size_t address;   /* its setting */
} owners[] = {
    [OWNER_PATIENTS] = {"patients", offsetof(struct fhir_settings, patients)},
    [OWNER_APPOINTMENTS] = {"appointments", offsetof(struct fhir_settings, appointments)},
    [OWNER_AUDIT] = {"audit", offsetof(struct fhir_settings, audit)},
};

/* ---- libcurl's memory holds PHI for a while: it is wiped when given back ---- */

static void wiping_free(void *p)
{
    if (p) explicit_bzero(p, malloc_usable_size(p));
    free(p);
}

static void *wiping_realloc(void *p, size_t n)
{
    void *const other = malloc(n);
    const size_t had = p ? malloc_usable_size(p) : 0;

    if (!other) return NULL;
    if (p) memcpy(other, p, had < n ? had : n);
    wiping_free(p);
    return other;
}

err_t owner_start(void)
{
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free, wiping_realloc, strdup,
                                calloc) == CURLE_OK
               ? ERR_OK
               : err_raise(ERR_INTERNAL, "libcurl does not start");
}

/* ---- the question ---- */

struct download {
    char *buf;
    size_t n;
};

static size_t download_write(char *from, size_t size, size_t count, void *user)
{
    struct download *download = user;
    const size_t n = size * count;

    if (n > BODY_BYTES_MAX - download->n) return 0; /* libcurl gives up */
    memcpy(download->buf + download->n, from, n);
    download->n += n;
    return n;
}

static struct curl_slist *headers_of(struct act *act)
{
    char request[UUID_TEXT + 1];
    const struct {
        const char *name;
        struct str value;
    } headers[] = {
        {"Authorization: Bearer ", act->sign_in.token},
        {"Telecura-Org: ", act->sign_in.org},
        {"Telecura-Role: ", act->sign_in.role},
        {"Telecura-Emergency: ", act->sign_in.emergency},
        {"X-Forwarded-For: ", act->remote},
        {"X-Request-Id: ", uuid_is_nil(act->request)
                               ? STR_NONE
                               : str_of(uuid_format(act->request, request))},
    };
    struct curl_slist *list = NULL;

    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        const struct str value = headers[i].value;

        if (value.p)
            list = curl_slist_append(
                list, arena_printf(act->arena, "%s" STR_FMT, headers[i].name, STR_ARG(value)).p);
    }
    return list;
}

/* Nobody but the owner's own certificate will do; nobody but we are CN=fhir. */
static void ask_owner(CURL *curl, enum owner owner, struct arena *arena, struct str path)
{
    const struct fhir_settings *settings = service_settings();

    curl_easy_setopt(
        curl, CURLOPT_URL,
        arena_printf(arena, "https://%s" STR_FMT, owners[owner].name, STR_ARG(path)).p);
    curl_easy_setopt(curl, CURLOPT_CAINFO, settings->common.tls_ca);
    curl_easy_setopt(curl, CURLOPT_SSLCERT, settings->common.tls_cert);
    curl_easy_setopt(curl, CURLOPT_SSLKEY, settings->common.tls_key);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

struct answer owner_get(struct act *act, enum owner owner, struct str path)
{
    const char *const base = (const char *)service_settings();
    const char *address;
    const int64_t left_ms = (act->deadline_us - clock_mono_us()) / MS_US;
    struct download download = {arena_alloc(act->arena, BODY_BYTES_MAX), 0};
    CURL *curl = curl_easy_init();
    long status = 503;

    memcpy(&address, base + owners[owner].address, sizeof address);
    if (!curl || left_ms <= 0) return (struct answer){503, BYTES_NONE};
    struct curl_slist *const headers = headers_of(act);
    struct curl_slist *const to =
        curl_slist_append(NULL, arena_printf(act->arena, "::%s", address).p);
    ask_owner(curl, owner, act->arena, path);
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, to);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, download_write);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &download);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_slist_free_all(to);
    curl_easy_cleanup(curl);
    return (struct answer){(int)status, bytes_of(download.buf, download.n)};
}
