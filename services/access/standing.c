/* What a patient has agreed to, what it does, and how it came about: a row for each scope, and one
 * for each part of a scope that ever was. */
#include "services/access/access.h"

static bool is_asked(const struct label_info *label, enum role role, enum consent consent)
{
    return label->consent == consent && (label->reach[role] & ASK) == ASK;
}

/* The actions that permissions.def lets nobody do without it. */
static struct strs actions_of(struct arena *arena, enum consent consent)
{
    struct str *words = ARENA_ARRAY(arena, struct str, PERMISSIONS);
    size_t n = 0;

    for (enum permission at = PASS_ON + 1; at < PERMISSIONS; at++)
        if (permission_info(at)->consent == consent) words[n++] = str_of(permission_info(at)->name);
    return (struct strs){words, n};
}

/* The roles to whom labels.def shows sensitive rows by it. */
static struct strs roles_of(struct arena *arena, enum consent consent)
{
    struct str *words = ARENA_ARRAY(arena, struct str, ROLES);
    size_t n = 0;

    for (enum role role = 0; role < ROLES; role++) {
        bool asked = false;

        for (enum label label = 0; label < LABELS; label++)
            asked |= is_asked(label_info(label), role, consent);
        if (asked) words[n++] = str_of(role_word(role));
    }
    return (struct strs){words, n};
}

static struct standing_view standing_view(struct act *act, const struct consent_standing *row)
{
    struct standing_view view = {.row = *row, .document_hash = hash_text(act, row->document_hash)};
    enum consent consent;

    if (!str_is(row->state, "active") || !consent_parse(row->scope, &consent)) return view;
    view.actions = actions_of(act->arena, consent);
    view.roles = roles_of(act->arena, consent);
    return view;
}

/* The whole of it, not only a part. */
static bool was_asked(const struct consent_standing_rows *rows, enum consent consent)
{
    for (size_t i = 0; i < rows->n; i++) {
        const struct consent_standing *row = &rows->p[i];
        const bool whole = uuid_is_nil(row->recipient) && !row->purpose.p;

        if (whole && str_is(row->scope, consent_word(consent))) return true;
    }
    return false;
}

/* GET /v1/consents/standing: a scope that was never asked for as a whole is there as well. */
err_t consents_standing(struct act *act)
{
    const struct page *in = act->in;
    struct consent_standing_rows rows;
    size_t n = 0;

    TRY(act_allow(act, in->patient_id));
    TRY(consents_now(act, &(struct consents_now){in->patient_id}, &rows));
    struct standing_view *views = ARENA_ARRAY(act->arena, struct standing_view, rows.n + CONSENTS);
    for (; n < rows.n; n++) views[n] = standing_view(act, &rows.p[n]);
    for (enum consent consent = CONSENT_NONE + 1; consent < CONSENTS; consent++) {
        if (was_asked(&rows, consent)) continue;
        views[n++] = (struct standing_view){.row = {.patient_id = in->patient_id,
                                                    .scope = str_of(consent_word(consent)),
                                                    .state = STR("none")}};
    }
    return act_reply_list(act, &standing_shape, views, n, STR_NONE);
}
