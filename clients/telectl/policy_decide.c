/* The decision itself: made-up cases in this process, or a real one asked of the suite. */
#include "clients/telectl/policy.h"

#include <stdio.h>

#define LINE_BYTES_MAX 512
#define WORDS_MAX 6

/* ---- policy decide: what would the services say? ---- */

/* One line: ROLE ACTION RELATIONS LABELS CONSENTS FACTS; lists with commas, "-" for none. The facts
 * are mine (the row is theirs), known (the organisation has the patient), fresh (second factor).
 */
struct line {
    struct str word[WORDS_MAX];
};

static bool line_split(char *text, struct line *ret)
{
    char *rest = text;

    for (int i = 0; i < WORDS_MAX; i++) {
        const char *const word = strsep(&rest, " \n");
        if (!word || !*word) return false;
        ret->word[i] = str_of(word);
    }
    return true;
}

static int label_index(struct str word)
{
    for (int i = 0; label_words[i]; i++)
        if (str_is(word, label_words[i])) return i;
    return -1;
}

static int relation_index(struct str word)
{
    enum relation_kind kind;

    return relation_parse(word, &kind) ? (int)kind : -1;
}

static int consent_index(struct str word)
{
    enum consent consent;

    return consent_parse(word, &consent) ? (int)consent : -1;
}

enum { FACT_MINE, FACT_KNOWN, FACT_FRESH };
static int fact_index(struct str word)
{
    static const char *const facts[] = {"mine", "known", "fresh"};

    for (int i = 0; i < 3; i++)
        if (str_is(word, facts[i])) return i;
    return -1;
}

/* "a,b" as a set of what @index says; false: one of them is nothing. */
static bool set_parse(struct str list, int (*index)(struct str), unsigned *ret)
{
    struct str word;

    *ret = 0;
    if (str_is(list, "-")) return true;
    while (str_next(&list, ',', &word)) {
        const int at = index(word);

        if (at < 0) return false;
        *ret |= POLICY_BIT(at);
    }
    return true;
}

static bool case_parse(const struct line *line, struct policy_ask *ask, struct policy_facts *facts)
{
    unsigned told;

    if (!role_parse(line->word[0], &ask->role) ||
        !permission_parse(line->word[1], &ask->permission) ||
        !set_parse(line->word[2], relation_index, &facts->kinds) ||
        !set_parse(line->word[3], label_index, &ask->labels) ||
        !set_parse(line->word[4], consent_index, &facts->consents) ||
        !set_parse(line->word[5], fact_index, &told))
        return false;
    ask->mine = (told & POLICY_BIT(FACT_MINE)) != 0;
    facts->known = (told & POLICY_BIT(FACT_KNOWN)) != 0;
    facts->fresh = (told & POLICY_BIT(FACT_FRESH)) != 0;
    return true;
}

int policy_cases(const struct call *call)
{
    char text[LINE_BYTES_MAX];
    struct policy_facts facts;
    struct policy_ask ask;
    struct line line;

    (void)call;
    for (unsigned number = 1; fgets(text, sizeof text, stdin); number++) {
        if (!line_split(text, &line) || !case_parse(&line, &ask, &facts))
            return trouble("line %u is no case", "ROLE ACTION RELATIONS LABELS CONSENTS FACTS; "
                           "lists with commas, - for none", number);
        const struct policy_verdict verdict = policy_decide(&ask, &facts);
        printf("%s %s %s\n", policy_words[verdict.word],
               verdict.kind >= 0 ? relation_words[verdict.kind] : "-",
               verdict.consent ? consent_word((enum consent)verdict.consent) : "-");
    }
    return WELL;
}

/* ---- policy explain: what does the suite say, now? ---- */

struct explained {
    struct str decision, role, action, cell, label, relation, relation_id, proof, relation_ends_at,
        consent, consent_id, purpose;
    bool second_factor;
};

/* clang-format off */
#define WORD(member) {#member, TEXT, offsetof(struct explained, member), 0, 0, 256}
static const struct shape explained_shape = {"Explained", sizeof(struct explained),
    (const struct field[]){
    WORD(decision), WORD(role), WORD(action), WORD(cell), WORD(label), WORD(relation),
    WORD(relation_id), WORD(proof), WORD(relation_ends_at), WORD(consent), WORD(consent_id),
    WORD(purpose),
    {"second_factor", BOOL, offsetof(struct explained, second_factor), 0},
    {0},
}};
/* clang-format on */

static void explained_print(const struct explained *row)
{
    const bool allowed = str_is(row->decision, "allow");

    printf("%s", allowed ? "allow" : "deny");
    if (!allowed) printf(" (" STR_FMT ")", STR_ARG(row->decision));
    putchar('\n');
    for (const struct field *field = explained_shape.fields + 1; field->type == TEXT; field++) {
        const struct str *const text = (const void *)((const char *)row + field->offset);

        if (text->n) printf("  %-18s" STR_FMT "\n", field->name, STR_ARG(*text));
    }
    if (row->second_factor) puts("  second factor     of the last five minutes");
}

int policy_explain(const struct call *call)
{
    const char *const label = call->with[WITH_LABEL];
    const struct str path = arena_printf(
        call->arena, "/v1/policy/decision?person_id=%s&action=%s&patient_id=%s%s%s",
        call->operands[0], call->operands[1], call->operands[2], label ? "&label=" : "",
        label ? label : "");
    struct explained row;
    struct bytes body;

    if (!ask(call, path, &body)) return UNWELL;
    if (call->with[WITH_JSON]) {
        printf("%.*s\n", (int)body.n, (const char *)body.p);
        return WELL;
    }
    if (json_decode_lenient(&explained_shape, body, call->arena, &row, NULL) != ERR_OK)
        return trouble("the suite's answer is not one of this version", "make down up");
    explained_print(&row);
    return WELL;
}
