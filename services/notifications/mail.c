/* A mail as text, and its way to the server. */
#include "common/base/clock.h"
#include "services/notifications/notifications.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <time.h>

#define CONNECT_MS 5000L
#define SEND_MS 10000L /* whole; post.c's lease is longer */
#define QUOTED_LINE 75 /* RFC 2045: 76 with the soft break's sign */

/* ---- addresses ---- */

bool mail_address_ok(struct str address)
{
    size_t ats = 0;

    if (address.n < 3 || address.n > MAIL_ADDRESS_BYTES_MAX) return false;
    for (size_t i = 0; i < address.n; i++) {
        const char c = address.p[i];
        if (c <= ' ' || c > '~' || strchr("<>()[]\\,;:\"", c)) return false;
        ats += c == '@';
    }
    return ats == 1 && address.p[0] != '@' && address.p[address.n - 1] != '@';
}

/* "Name <address>" or the address alone. */
static struct str mailbox_address(const char *mailbox)
{
    const char *open = strchr(mailbox, '<');

    return open ? (struct str){open + 1, strcspn(open + 1, ">")} : str_of(mailbox);
}

static struct str domain_of(struct str address)
{
    const char *at = memchr(address.p, '@', address.n);

    return (struct str){at + 1, (size_t)(address.p + address.n - at - 1)};
}

static bool on_loopback(const char *server)
{
    static const char *const hosts[] = {"127.0.0.1:", "[::1]:", "localhost:"};

    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        if (strncmp(server, hosts[i], strlen(hosts[i])) == 0) return true;
    }
    return false;
}

err_t mail_start(void)
{
    const struct notifications_settings *settings = service_settings();

    if (!strchr(settings->smtp, ':'))
        return err_raise(ERR_BAD_REQUEST, "smtp: name the mail server as host:port");
    if (!mail_address_ok(mailbox_address(settings->mail_from)))
        return err_raise(ERR_BAD_REQUEST, "mail_from: name the sender as Name <address>");
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
               ? ERR_OK
               : err_raise(ERR_INTERNAL, "libcurl does not start");
}

/* ---- the message ---- */

static bool is_ascii(const char *text)
{
    for (; *text; text++) {
        if (*text < 0) return false;
    }
    return true;
}

/* Quoted-printable (RFC 2045); in the word of a header (RFC 2047) with fewer plain characters and
 * on one line. */
static struct str quoted(struct arena *arena, struct str text, bool word)
{
    char *const out = arena_alloc(arena, 4 * text.n + 1);
    size_t n = 0, column = 0;

    for (size_t i = 0; i < text.n; i++) {
        const unsigned char c = (unsigned char)text.p[i];
        const bool end = !word && (c == '\r' || c == '\n');
        const bool plain = c > ' ' && c <= '~' && c != '=' && !(word && (c == '?' || c == '_'));
        const size_t width = end || plain || (c == ' ' && !word) ? 1 : 3;

        if (!word && !end && column + width > QUOTED_LINE) {
            memcpy(out + n, "=\r\n", 3);
            n += 3;
            column = 0;
        }
        if (width == 1)
            out[n] = (char)c;
        else
            snprintf(out + n, 4, "=%02X", c);
        n += width;
        column = end ? 0 : column + width;
    }
    return (struct str){out, n};
}

static struct str subject_of(struct arena *arena, const char *subject)
{
    if (is_ascii(subject)) return str_of(subject);
    return arena_printf(arena,
                        "=?utf-8?Q?" STR_FMT "?=", STR_ARG(quoted(arena, str_of(subject), true)));
}

static struct str date_of(struct arena *arena, int64_t at_us)
{
    const time_t at_s = (time_t)(at_us / SECOND_US);
    char text[64];
    struct tm parts;

    gmtime_r(&at_s, &parts);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &parts);
    return arena_str(arena, str_of(text));
}

struct str mail_print(struct arena *arena, const struct notifications_settings *settings,
                      const struct mail *mail, int64_t now_us)
{
    const struct text *text = mail->text, *frame = text_find(STR(""), str_of(text->language));
    const struct str domain = domain_of(mailbox_address(settings->mail_from));
    const struct str body =
        arena_printf(arena, "%s\r\n\r\n%s\r\n%s\r\n", text->body, frame->body, settings->portal);

    return arena_printf(arena,
                        "From: %s\r\nTo: %s\r\nSubject: " STR_FMT "\r\nDate: " STR_FMT "\r\n"
                        "Message-ID: <%s@" STR_FMT ">\r\n"
                        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        "Content-Transfer-Encoding: quoted-printable\r\nContent-Language: %s\r\n"
                        "Auto-Submitted: auto-generated\r\n\r\n" STR_FMT,
                        settings->mail_from, mail->to, STR_ARG(subject_of(arena, text->subject)),
                        STR_ARG(date_of(arena, now_us)), UUID_ARG(mail->id), STR_ARG(domain),
                        text->language, STR_ARG(quoted(arena, body, false)));
}

/* ---- the way ---- */

struct upload {
    struct str rest;
};

static size_t upload_read(char *to, size_t size, size_t count, void *user)
{
    struct upload *upload = user;
    const size_t room = size * count, n = upload->rest.n < room ? upload->rest.n : room;

    memcpy(to, upload->rest.p, n);
    upload->rest = (struct str){upload->rest.p + n, upload->rest.n - n};
    return n;
}

/* What the last word of the server, or its silence, means. */
static enum mail_result result_of(CURL *curl, CURLcode code)
{
    long status = 0;

    if (code == CURLE_OK) return MAIL_SENT;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status / 100 == 5 ? MAIL_REFUSED : MAIL_LATER;
}

static enum mail_result mail_carry(CURL *curl, const struct notifications_settings *settings,
                                   const char *from, const struct mail *mail, struct str message)
{
    struct upload upload = {message};
    char url[512];

    /* The path is our name in EHLO. */
    snprintf(url, sizeof url, "smtp://%s/telecura", settings->smtp);
    struct curl_slist *to = curl_slist_append(NULL, mail->to);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, SEND_MS);
    curl_easy_setopt(curl, CURLOPT_USE_SSL,
                     on_loopback(settings->smtp) ? (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, upload_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
    const enum mail_result result = result_of(curl, curl_easy_perform(curl));
    curl_slist_free_all(to);
    return result;
}

enum mail_result mail_send(const struct notifications_settings *settings, const struct mail *mail)
{
    struct arena *arena = arena_new(256 * 1024);
    CURL *curl = curl_easy_init();

    if (!curl) abort();
    const char *from = arena_cstr(arena, mailbox_address(settings->mail_from));
    const struct str message = mail_print(arena, settings, mail, clock_now_us());
    const enum mail_result result = mail_carry(curl, settings, from, mail, message);
    curl_easy_cleanup(curl);
    arena_free(arena);
    return result;
}
