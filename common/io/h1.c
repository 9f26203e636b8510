#include "common/io/h1.h"

#include <assert.h>
#include <strings.h>

/* What a byte may be part of: RFC 3986 for targets; for names, what HAProxy's
 * http-restrict-req-hdr-names lets through. */
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_alpha(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
static bool is_name(char c) { return is_alpha(c) || is_digit(c) || c == '-'; }
static bool is_text(char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; }
static bool is_path(char c)
{
    return is_alpha(c) || is_digit(c) || (c && strchr("-._~!$&'()*+,;=:@/%", c));
}
static bool is_query(char c) { return is_path(c) || c == '?'; }

static int hex_of(char c)
{
    if (is_digit(c)) return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool all(struct str s, bool (*is)(char))
{
    for (size_t i = 0; i < s.n; i++)
        if (!is(s.p[i])) return false;
    return s.n > 0;
}

static bool same_word(struct str a, const char *b)
{
    return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

static struct str trim(struct str s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) s.n--;
    return s;
}

/* The next of comma-separated words; false at the end. */
static bool next_word(struct str *list, struct str *ret)
{
    if (!list->p) return false;
    if (!str_cut(list, ',', ret)) {
        *ret = *list;
        *list = STR_NONE;
    }
    *ret = trim(*ret);
    return true;
}

bool h1_list_has(struct str list, const char *word)
{
    struct str each;

    while (next_word(&list, &each))
        if (same_word(each, word)) return true;
    return false;
}

long h1_head_end(const char *buf, size_t n)
{
    size_t line = 0; /* where the present line starts */

    for (size_t i = 0; i < n; i++) {
        if (buf[i] == '\n') {
            if (i == line || buf[i - 1] != '\r') return -1;
            if (i == line + 1) return line == 0 ? -1 : (long)(i + 1);
            line = i + 1;
        } else if ((i > line && buf[i - 1] == '\r') || (buf[i] != '\r' && !is_text(buf[i]))) {
            return -1;
        }
    }
    return 0;
}

/* ---- request line ---- */

/* Percent-encodings are whole and hide no control byte; in a path, no slash either. */
static bool encodings_are_plain(struct str s, bool in_path)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') continue;
        if (i + 2 >= s.n) return false;
        const int high = hex_of(s.p[i + 1]), low = hex_of(s.p[i + 2]);
        const int c = high * 16 + low;

        if (high < 0 || low < 0 || c < 0x20 || c == 0x7f) return false;
        if (in_path && (c == '/' || c == '\\')) return false;
        i += 2;
    }
    return true;
}

/* "." or "..", written plainly or as %2e. */
static bool is_dots(struct str segment)
{
    size_t dots = 0;

    for (size_t i = 0; i < segment.n; dots++) {
        if (segment.p[i] == '.') i += 1;
        else if (segment.n - i >= 3 && strncasecmp(segment.p + i, "%2e", 3) == 0) i += 3;
        else return false;
    }
    return dots == 1 || dots == 2;
}

/* No dot segment, and no empty one but the last (the root, a trailing slash). */
static bool segments_are_plain(struct str path)
{
    struct str rest = {path.p + 1, path.n - 1}, segment;

    while (str_cut(&rest, '/', &segment))
        if (segment.n == 0 || is_dots(segment)) return false;
    return !is_dots(rest);
}

static int target_parse(struct str target, struct h1_head *head)
{
    struct str path;

    if (str_cut(&target, '?', &path)) {
        head->query = target;
        if (target.n && (!all(target, is_query) || !encodings_are_plain(target, false))) return 400;
    } else {
        path = target;
        head->query = STR_NONE;
    }
    head->path = path;
    if (path.n == 0 || path.p[0] != '/' || !all(path, is_path)) return 400;
    return encodings_are_plain(path, true) && segments_are_plain(path) ? 0 : 400;
}

static int version_parse(struct str version)
{
    if (str_is(version, "HTTP/1.1")) return 0;
    return version.n == 8 && memcmp(version.p, "HTTP/", 5) == 0 && is_digit(version.p[5]) &&
                   version.p[6] == '.' && is_digit(version.p[7])
               ? 505
               : 400;
}

static int request_line_parse(struct str line, struct h1_head *head)
{
    static const char *const methods[METHODS] = {
        [GET] = "GET", [POST] = "POST", [PUT] = "PUT", [PATCH] = "PATCH", [DELETE] = "DELETE",
    };
    struct str method, target;

    if (!str_cut(&line, ' ', &method) || !str_cut(&line, ' ', &target) || !all(method, is_name))
        return 400;
    const int version = version_parse(line);
    if (version) return version;
    for (enum method m = GET; m < METHODS; m++)
        if (methods[m] && str_is(method, methods[m])) head->method = m;
    head->head_only = str_is(method, "HEAD");
    if (head->head_only) head->method = GET;
    return head->method == METHOD_NONE ? 501 : target_parse(target, head);
}

/* ---- headers whose meaning the connection depends on ---- */

/* name[:port] or [v6][:port]: what the gateway routed by must be what is meant here. */
static int host_check(struct str value, struct h1_head *head)
{
    const char *colon = value.n ? memrchr(value.p, ':', value.n) : NULL;
    struct str name = value;

    (void)head;
    if (colon && value.p[value.n - 1] != ']') {
        const struct str port = {colon + 1, value.n - (size_t)(colon + 1 - value.p)};
        if (port.n > 5 || !all(port, is_digit)) return 400;
        name.n = (size_t)(colon - value.p);
    }
    if (name.n == 0) return 400;
    const bool v6 = name.p[0] == '[' && name.p[name.n - 1] == ']' && name.n > 3;
    for (size_t i = v6; i < name.n - v6; i++) {
        const char c = name.p[i];
        if (v6 ? hex_of(c) < 0 && c != ':' && c != '.' : !is_name(c) && c != '.') return 400;
    }
    return 0;
}

static int content_length_check(struct str value, struct h1_head *head)
{
    return str_int(value, 0, INT64_MAX, &head->content_length) && all(value, is_digit) ? 0 : 400;
}

static int transfer_encoding_check(struct str value, struct h1_head *head)
{
    head->chunked = same_word(value, "chunked");
    if (head->chunked) return 0;
    return h1_list_has(value, "chunked") ? 400 : 501;
}

static int connection_check(struct str value, struct h1_head *head)
{
    struct str word;

    /* Any other word would make a header hop-by-hop, and with it an identity that the gateway set
     * ("connection: X-User") could be dropped on the way. */
    while (next_word(&value, &word)) {
        if (same_word(word, "close")) head->keep_alive = false;
        else if (same_word(word, "upgrade")) head->upgrade_websocket = true;
        else if (!same_word(word, "keep-alive")) return 400;
    }
    return 0;
}

static int expect_check(struct str value, struct h1_head *head)
{
    head->expect_continue = same_word(value, "100-continue");
    return head->expect_continue ? 0 : 417;
}

static int te_check(struct str value, struct h1_head *head)
{
    (void)head;
    return same_word(value, "trailers") ? 0 : 400; /* Firefox sends exactly that */
}

static int upgrade_check(struct str value, struct h1_head *head)
{
    (void)head;
    return same_word(value, "websocket") ? 0 : 400;
}

static int websocket_version_check(struct str value, struct h1_head *head)
{
    (void)head;
    return str_is(value, "13") ? 0 : 400;
}

static int websocket_key_check(struct str value, struct h1_head *head)
{
    uint8_t nonce[18];
    size_t n = 0;

    (void)head;
    return value.n == 24 && base64_decode(value, nonce, &n) && n == 16 ? 0 : 400;
}

/* These may come once only: two of one kind are two readers' two truths. */
enum { HOST, LENGTH, ENCODING, CONNECTION, UPGRADE, WS_VERSION, WS_KEY };
static const struct {
    const char *name;
    int (*check)(struct str value, struct h1_head *head); /* NULL: any value */
} once[] = {
    [HOST] = {"host", host_check},
    [LENGTH] = {"content-length", content_length_check},
    [ENCODING] = {"transfer-encoding", transfer_encoding_check},
    [CONNECTION] = {"connection", connection_check},
    [UPGRADE] = {"upgrade", upgrade_check},
    [WS_VERSION] = {"sec-websocket-version", websocket_version_check},
    [WS_KEY] = {"sec-websocket-key", websocket_key_check},
    {"expect", expect_check},
    {"te", te_check},
    {"authorization", NULL},
    {"content-type", NULL},
    {"idempotency-key", NULL},
    {"if-match", NULL},
    {"origin", NULL},
    {"telecura-org", NULL},
    {"telecura-role", NULL},
    {"telecura-emergency", NULL},
};

static int meaning_check(struct h1_head *head, unsigned *seen)
{
    const struct h1_header *h = &head->headers[head->header_count - 1];

    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        if (!str_is(h->name, once[i].name)) continue;
        if (*seen & 1u << i) return 400;
        *seen |= 1u << i;
        return once[i].check ? once[i].check(h->value, head) : 0;
    }
    return 0;
}

/* What the headers say together. */
static int together_check(struct h1_head *head, unsigned seen)
{
    const unsigned handshake = 1u << UPGRADE | 1u << WS_VERSION | 1u << WS_KEY;
    const bool has_body = seen & (1u << LENGTH | 1u << ENCODING);

    if (!(seen & 1u << HOST)) return 400;
    if (seen & 1u << LENGTH && head->chunked) return 400;
    if (!head->upgrade_websocket) return seen & 1u << UPGRADE ? 400 : 0;
    if ((seen & handshake) != handshake || head->method != GET || head->head_only || has_body)
        return 400;
    head->method = WS;
    return 0;
}

static int header_parse(char *line, size_t n, struct h1_head *head)
{
    struct str value = {line, n}, name;

    if (!str_cut(&value, ':', &name) || !all(name, is_name)) return 400;
    if (head->header_count == H1_HEADERS_MAX) return 431;
    value = trim(value);
    if (value.n && !all(value, is_text)) return 400;
    for (size_t i = 0; i < name.n; i++)
        if (line[i] >= 'A' && line[i] <= 'Z') line[i] = (char)(line[i] | 0x20);
    head->headers[head->header_count++] = (struct h1_header){name, value};
    return 0;
}

int h1_head_parse(char *buf, size_t n, struct h1_head *ret)
{
    char *line = buf, *end;
    unsigned seen = 0;
    int status;

    assert(n >= 4 && memcmp(buf + n - 4, "\r\n\r\n", 4) == 0); /* of h1_head_end() */
    *ret = (struct h1_head){.content_length = -1, .keep_alive = true};
    if (n > H1_HEAD_BYTES_MAX) return 431;
    end = memchr(line, '\r', n);
    status = request_line_parse((struct str){line, (size_t)(end - line)}, ret);
    if (status) return status;
    for (line = end + 2; *line != '\r'; line = end + 2) {
        end = memchr(line, '\r', n - (size_t)(line - buf));
        status = header_parse(line, (size_t)(end - line), ret);
        if (status == 0) status = meaning_check(ret, &seen);
        if (status) return status;
    }
    return together_check(ret, seen);
}

struct str h1_header(const struct h1_head *head, const char *lower_name)
{
    for (unsigned i = 0; i < head->header_count; i++)
        if (str_is(head->headers[i].name, lower_name)) return head->headers[i].value;
    return STR_NONE;
}

/* ---- chunked bodies ---- */

enum { SIZE, SIZE_LF, PAYLOAD, PAYLOAD_CR, PAYLOAD_LF, LAST_CR, LAST_LF, DONE };

#define SIZE_DIGITS_MAX 8 /* 4 GiB a chunk: far above any limit, far below an overflow */

/* One byte of framing. 0, or the refusal. */
static int frame_byte(struct h1_chunked *c, char byte, size_t bytes_max)
{
    static const struct {
        char want;
        unsigned next;
    } fixed[] = { /* at LAST_CR a trailer would start: none is taken */
        [SIZE_LF] = {'\n', PAYLOAD},     [PAYLOAD_CR] = {'\r', PAYLOAD_LF},
        [PAYLOAD_LF] = {'\n', SIZE},     [LAST_CR] = {'\r', LAST_LF},
        [LAST_LF] = {'\n', DONE},
    };
    const int digit = hex_of(byte);

    if (c->state != SIZE) {
        if (byte != fixed[c->state].want) return -1;
        c->state = c->state == SIZE_LF && c->left == 0 ? LAST_CR : fixed[c->state].next;
        return 0;
    }
    if (digit >= 0) {
        c->left = c->left * 16 + (unsigned)digit;
        return ++c->digits > SIZE_DIGITS_MAX ? -1 : 0;
    }
    if (byte != '\r' || c->digits == 0) return -1;
    c->digits = 0;
    c->total += c->left;
    c->state = SIZE_LF;
    return c->total > bytes_max ? -2 : 0;
}

int h1_chunked(struct h1_chunked *c, const char *buf, size_t n, size_t bytes_max, size_t *ret_used,
               char *out, size_t *ret_out)
{
    size_t used = 0, put = 0;
    int refusal = 0;

    while (used < n && c->state != DONE && refusal == 0) {
        if (c->state != PAYLOAD) {
            refusal = frame_byte(c, buf[used++], bytes_max);
            continue;
        }
        const size_t take = c->left < n - used ? (size_t)c->left : n - used;
        memcpy(out + put, buf + used, take);
        put += take;
        used += take;
        c->left -= take;
        if (c->left == 0) c->state = PAYLOAD_CR;
    }
    *ret_used = used;
    *ret_out = put;
    return refusal ? refusal : c->state == DONE;
}
