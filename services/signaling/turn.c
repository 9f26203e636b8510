#include "services/signaling/signaling.h"

#include "common/base/clock.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define TURN_TTL_US (10 * MINUTE_US)
#define URIS_MAX 16
#define SHA1_BYTES 20

static struct strs uris_of(struct arena *arena, const char *setting)
{
    struct str *uris = ARENA_ARRAY(arena, struct str, URIS_MAX);
    size_t n = 0;

    for (const char *at = setting; *at && n < URIS_MAX;) {
        const size_t length = strcspn(at, ",");

        if (length) uris[n++] = (struct str){at, length};
        at += length + (at[length] == ',');
    }
    return (struct strs){uris, n};
}

/* The name lands in coturn's log, so it says nothing but until when it is good. */
static struct str username_of(struct arena *arena, int64_t expires_s, struct uuid name)
{
    return arena_printf(arena, "%lld:%s", (long long)expires_s, UUID_ARG(name));
}

struct uuid turn_name_of(struct str username)
{
    const char *colon = memchr(username.p, ':', username.n);
    struct uuid name;

    if (!colon) return UUID_NIL;
    const size_t at = (size_t)(colon - username.p) + 1;
    return uuid_parse((struct str){colon + 1, username.n - at}, &name) ? name : UUID_NIL;
}

static struct str credential_of(struct arena *arena, const char *secret, struct str username)
{
    uint8_t mac[SHA1_BYTES];
    unsigned n = sizeof mac;

    if (!HMAC(EVP_sha1(), secret, (int)strlen(secret), (const uint8_t *)username.p, username.n, mac,
              &n))
        return STR_NONE;
    char *text = arena_alloc(arena, BASE64_LEN(SHA1_BYTES));
    return (struct str){text, base64_encode(bytes_of(mac, n), text)};
}

struct list turn_servers(struct arena *arena, struct uuid name, int64_t now_us, int64_t ends_us)
{
    const struct signaling_settings *settings = service_settings();
    struct ice_server *server = ARENA_NEW(arena, struct ice_server);
    const int64_t ttl_us = ends_us - now_us < TURN_TTL_US ? ends_us - now_us : TURN_TTL_US;

    server->urls = uris_of(arena, settings->turn_uri);
    if (server->urls.n == 0) return (struct list){NULL, 0};
    if (!*settings->turn_secret) return (struct list){server, 1};

    server->username = username_of(arena, (clock_real_us() + ttl_us) / SECOND_US, name);
    server->credential = credential_of(arena, settings->turn_secret, server->username);
    return (struct list){server, 1};
}
