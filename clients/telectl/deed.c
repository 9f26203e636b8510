/* What is done by one request: its answer is printed as it came, one JSON document. */
#include "clients/telectl/telectl.h"

#include <stdio.h>

/* Of the operand: in the path where it says %s, else in the body by the name that `operand` has. */
static const struct deed {
    const char *noun, *verb, *path, *operand;
    bool reads;
} deeds[] = {
    {"keys", "status", "/v1/keys", NULL, true},
    {"keys", "rotate", "/v1/keys/rotate", NULL, false},
    {"keys", "renew", "/v1/keys/renew", "patient_id", false},
    {"hold", "list", "/v1/holds?limit=200", NULL, true},
    {"hold", "place", "/v1/holds", "patient_id", false},
    {"hold", "release", "/v1/holds/%s/release", NULL, false},
    {"erase", "list", "/v1/erasures?limit=200", NULL, true},
    {"erase", "ask", "/v1/erasures", "patient_id", false},
    {"erase", "approve", "/v1/erasures/%s/approve", NULL, false},
    {"erase", "refuse", "/v1/erasures/%s/refuse", NULL, false},
    {"erase", "show", "/v1/erasures/%s", NULL, true},
    {"breakglass", "list", "/v1/break-glass?state=to_review&limit=200", NULL, true},
    {"breakglass", "show", "/v1/break-glass/%s", NULL, true},
    {"breakglass", "end", "/v1/break-glass/%s/end", NULL, false},
    {"breakglass", "review", "/v1/break-glass/%s/review", NULL, false},
    {"audit", "hold", "/v1/audit/holds", NULL, false},
    {"audit", "lift", "/v1/audit/holds/%s/lift", NULL, false},
    {"audit", "destroy", "/v1/audit/destructions", "shard", false},
    {"audit", "approve", "/v1/audit/destructions/%s/approve", NULL, false},
    {"audit", "withdraw", "/v1/audit/destructions/%s/withdraw", NULL, false},
    {"consent", "list", "/v1/consents/standing?patient_id=%s", NULL, true},
    {"consent", "revoke", "/v1/consents/%s/revoke", NULL, false},
};

static const struct deed *deed_of(const struct command *command)
{
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        if (strcmp(deeds[i].noun, command->noun) == 0 && strcmp(deeds[i].verb, command->verb) == 0)
            return &deeds[i];
    }
    return NULL;
}

/* `"name":"value",` or nothing. */
static struct str member_of(const struct call *call, const char *name, const char *value)
{
    if (!name || !value) return STR("");
    const struct str quoted = json_quote(call->arena, str_of(value));
    return arena_printf(call->arena, "\"%s\":" STR_FMT ",", name, STR_ARG(quoted));
}

#define WORDS_BYTES_MAX 16384

/* "-": what stands in the input. Arguments can be read by every process of this machine. */
static const char *said_as(const struct call *call, const char *value)
{
    if (!value || strcmp(value, "-") != 0) return value;

    char *const text = arena_alloc(call->arena, WORDS_BYTES_MAX);
    size_t n = fread(text, 1, WORDS_BYTES_MAX - 1, stdin);

    while (n > 0 && text[n - 1] == '\n') n--;
    text[n] = '\0';
    return text;
}

static struct str body_of(const struct call *call, const struct deed *deed)
{
    static const struct {
        const char *name;
        int option;
    } said[] = {{"reason", WITH_REASON}, {"domain", WITH_DOMAIN}, {"finding", WITH_FINDING},
                {"text", WITH_TEXT}, {"shard", WITH_SHARD}, {"patient_id", WITH_PATIENT}};
    struct str members = member_of(call, deed->operand, call->operand);

    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        const char *const value = said_as(call, call->with[said[i].option]);
        const struct str member = member_of(call, said[i].name, value);

        members = arena_printf(call->arena, STR_FMT STR_FMT, STR_ARG(members), STR_ARG(member));
    }
    if (members.n == 0) return STR("");
    members.n--; /* the last comma */
    return arena_printf(call->arena, "{" STR_FMT "}", STR_ARG(members));
}

int deed_do(const struct call *call)
{
    const struct deed *const deed = deed_of(call->command);
    const char *const between = strstr(deed->path, "%s");
    struct str path = str_of(deed->path);
    struct bytes answer;

    if (between)
        path = arena_printf(call->arena, "%.*s%s%s", (int)(between - deed->path), deed->path,
                            call->operand, between + 2);
    if (!(deed->reads ? ask(call, path, &answer)
                      : ask_to_do(call, path, body_of(call, deed), &answer)))
        return UNWELL;
    printf("%.*s\n", (int)answer.n, (const char *)answer.p);
    return WELL;
}
