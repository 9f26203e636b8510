/* Why may they, or why not: the decision of policy.h on what is true now. */
#include "services/access/access.h"

/* What holds now, as sets. */
static unsigned kinds_of(const struct standing_rows *rows)
{
    enum relation_kind kind;
    unsigned set = 0;

    for (size_t i = 0; i < rows->n; i++)
        if (rows->p[i].live && relation_parse(rows->p[i].kind, &kind)) set |= POLICY_BIT(kind);
    return set;
}

static unsigned scopes_of(const struct agreed_rows *rows)
{
    enum consent consent;
    unsigned set = 0;

    for (size_t i = 0; i < rows->n; i++)
        if (consent_parse(rows->p[i].scope, &consent)) set |= POLICY_BIT(consent);
    return set;
}

/* The relation that decided; when none did, one that would have and has ended or not begun. */
static void relation_show(struct decision_view *view, const struct standing_rows *rows,
                          const struct policy_verdict *verdict, unsigned would)
{
    for (size_t i = 0; i < rows->n; i++) {
        const struct standing *const row = &rows->p[i];
        enum relation_kind kind;

        if (!relation_parse(row->kind, &kind)) continue;
        if (verdict->kind >= 0 ? !row->live || (int)kind != verdict->kind
                               : !(would & POLICY_BIT(kind)))
            continue;
        view->relation = row->kind;
        view->relation_id = row->id;
        view->proof = row->proof;
        view->relation_starts_at_us = row->starts_at_us;
        view->relation_ends_at_us = row->ends_at_us;
        return;
    }
}

static void consent_show(struct decision_view *view, const struct agreed_rows *rows,
                         const struct policy_verdict *verdict)
{
    if (!verdict->consent) return;
    view->consent = str_of(consent_word((enum consent)verdict->consent));
    for (size_t i = 0; i < rows->n; i++)
        if (str_equal(rows->p[i].scope, view->consent)) view->consent_id = rows->p[i].id;
}

static unsigned label_of(struct str code)
{
    for (unsigned i = 0; code.p && label_words[i]; i++)
        if (str_is(code, label_words[i])) return POLICY_BIT(i);
    return 0;
}

static const char *cell_word(unsigned reach)
{
    static const struct {
        unsigned reach;
        const char *word;
    } words[] = {{NO, "none"},    {OWN, "own"},   {PRX, "proxy"}, {GST, "guest"},
                 {CARE, "care"}, {SITE, "site"}, {ANY, "any"},
                 {BTG, "glass"}, {URG, "care+glass"}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].reach == reach) return words[i].word;
    return "none";
}

/* GET /v1/policy/decision: for privacy officers and auditors, and itself on record as an act about
 * the patient. A second factor is told of, not judged: it is of the moment. */
err_t policy_read(struct act *act)
{
    const struct decision_query *in = act->in;
    const struct standings_of stands = {in->person_id, in->patient_id};
    struct policy_ask ask = {.labels = label_of(in->label)};
    struct standing_rows standings;
    struct agreed_rows agreed;
    struct asked_for who;

    TRY(act_allow(act, in->patient_id));
    if (!permission_parse(in->action, &ask.permission))
        return act_at(act, "/action", ERR_UNPROCESSABLE);
    TRY(policy_person(act, &(struct policy_person){in->person_id}, &who));
    if (!role_parse(who.role, &ask.role)) return act_at(act, "/person_id", ERR_UNPROCESSABLE);
    TRY(standings_of(act, &stands, &standings));
    const struct str purpose = str_of(purpose_code(policy_purpose(ask.role, ask.permission)));
    TRY(agreed_by(act, &(struct agreed_by){in->patient_id, in->person_id, purpose}, &agreed));

    const struct policy_need need = policy_need(&ask);
    const struct policy_facts facts = {
        .kinds = kinds_of(&standings), .consents = scopes_of(&agreed), .known = true,
        .fresh = true,
    };
    const struct policy_verdict verdict = policy_decide(&ask, &facts);
    struct decision_view view = {
        .decision = str_of(who.active ? policy_words[verdict.word] : "no_member"),
        .role = who.role,
        .action = in->action,
        .cell = str_of(cell_word(need.reach)),
        .label = in->label,
        .purpose = purpose,
        .second_factor = need.factor == FRESH,
    };
    relation_show(&view, &standings, &verdict, need.kinds);
    consent_show(&view, &agreed, &verdict);
    act_resource(act, in->person_id, who.version);
    return act_reply(act, 200, &decision_shape, &view);
}
