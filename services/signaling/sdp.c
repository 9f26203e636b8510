#include "services/signaling/signaling.h"

static const struct str MARK = {"candidate:", 10}, TYPE = {" typ ", 5};
static const struct str LINE = {"a=candidate:", 12};

/* Where @what begins in @text from @at on; text.n when nowhere. */
static size_t text_find(struct str text, size_t at, struct str what)
{
    while (at + what.n <= text.n && memcmp(text.p + at, what.p, what.n) != 0) at++;
    return at + what.n <= text.n ? at : text.n;
}

/* Every candidate in @text says that it is relayed. */
bool candidate_is_relay(struct str text)
{
    size_t at = text_find(text, 0, TYPE);

    if (text_find(text, 0, MARK) == text.n) return true;
    if (at == text.n) return false;

    for (; at < text.n; at = text_find(text, at + TYPE.n, TYPE)) {
        const struct str type = {text.p + at + TYPE.n, text.n - at - TYPE.n};

        if (!str_starts(type, "relay")) return false;
    }
    return true;
}

/* A description may stand in JSON, where a line ends in an escape. */
static size_t line_end(struct str text, size_t at)
{
    while (at < text.n && text.p[at] != '\r' && text.p[at] != '\n' && text.p[at] != '\\' &&
           text.p[at] != '"')
        at++;
    while (at < text.n && (text.p[at] == '\r' || text.p[at] == '\n')) at++;
    while (at + 1 < text.n && text.p[at] == '\\' &&
           (text.p[at + 1] == 'r' || text.p[at + 1] == 'n'))
        at += 2;
    return at;
}

struct str description_relayed(struct arena *arena, struct str text)
{
    char *kept = arena_alloc(arena, text.n + 1);
    size_t n = 0, at = 0;

    while (at < text.n) {
        const size_t line = text_find(text, at, LINE);

        memcpy(kept + n, text.p + at, line - at);
        n += line - at;
        if (line == text.n) break;

        at = line_end(text, line);
        if (candidate_is_relay((struct str){text.p + line, at - line})) {
            memcpy(kept + n, text.p + line, at - line);
            n += at - line;
        }
    }
    return (struct str){kept, n};
}
