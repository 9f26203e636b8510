/* Whom a connection is opened to, and for how long. */
#include "common/app/session_own.h"
#include "common/app/sql.h"
#include "common/app/worker.h"

#include "common/base/clock.h"

static struct auth *auth;
static int64_t started_us;

void opening_init(struct auth *given)
{
    auth = given;
    started_us = clock_now_us();
}

const struct shape session_connect_shape = {
    "Connect", sizeof(struct { struct str token, grant; }),
    (const struct field[]){
        {"token", TEXT, 0, 0, 1, 8192, NULL, NULL},
        {"grant", TEXT, sizeof(struct str), REQUIRED, 1, 4096, NULL, NULL},
        {NULL, JSON_NONE, 0, 0, 0, 0, NULL, NULL},
    }};

const struct shape session_refresh_shape = {
    "Refresh", sizeof(struct { struct str token, grant; }),
    (const struct field[]){
        {"token", TEXT, 0, 0, 1, 8192, NULL, NULL},
        {"grant", TEXT, sizeof(struct str), REQUIRED, 1, 4096, NULL, NULL},
        {NULL, JSON_NONE, 0, 0, 0, 0, NULL, NULL},
    }};

const struct shape session_opened_shape = {
    "SessionOpened", sizeof(struct session_opened),
    (const struct field[]){
        {"session", UUID, offsetof(struct session_opened, session), 0, 0, 0, NULL, NULL},
        {"ends_at", TIME, offsetof(struct session_opened, ends_at_us), 0, 0, 0, NULL, NULL},
        {NULL, JSON_NONE, 0, 0, 0, 0, NULL, NULL},
    }};

/* ---- token and grant ---- */

static struct str member_text(const struct opening *opening, const char *name)
{
    for (const struct field *field = opening->shape->fields; field->name; field++) {
        if (field->type == TEXT && strcmp(field->name, name) == 0)
            return *(const struct str *)(const void *)((const char *)opening->body + field->offset);
    }
    return STR_NONE;
}

/* Rights outlive the arena that the grant was read into, so they become words of our own. */
static bool rights_known(struct str given, struct str *ret_rights)
{
    static const char *const known[] = {"chat call", "chat", "call"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!str_is(given, known[i])) continue;

        *ret_rights = str_of(known[i]);
        return true;
    }
    return false;
}

static bool has_right(const struct grant *grant, const char *right)
{
    const size_t n = strlen(right);

    for (size_t i = 0; i + n <= grant->rights.n; i++) {
        if (memcmp(grant->rights.p + i, right, n) == 0) return true;
    }
    return false;
}

/* A connection never changes its subject. */
static bool is_same_subject(const struct grant *was, const struct grant *now)
{
    return uuid_equal(was->org, now->org) && uuid_equal(was->visit, now->visit) &&
           uuid_equal(was->person, now->person) && uuid_equal(was->channel, now->channel) &&
           uuid_equal(was->patient, now->patient);
}

/* Why a sound grant does not open this connection. A replica that has not read the revocations to
 * their end trusts only grants that were minted since it runs; the others may come back. */
static err_t grant_fits(const struct opening *opening, const struct holder *holder)
{
    const struct grant *grant = &holder->grant;

    if (!uuid_equal(grant->person, holder->actor.person) ||
        !uuid_equal(grant->org, holder->actor.org))
        return ERR_GRANT_REQUIRED;
    if (opening->was->open && !is_same_subject(&opening->was->grant, grant))
        return ERR_GRANT_REQUIRED;
    if (!uuid_is_nil(opening->path_id) && !uuid_equal(grant->channel, opening->path_id))
        return ERR_GRANT_REQUIRED;
    if (session_grant_revoked(grant)) return ERR_GRANT_REVOKED;
    return service_caught_up() || grant->minted_at_us >= started_us ? ERR_OK : ERR_UNAVAILABLE;
}

/* A guest who came by a one-time link has no sign-in: the grant, which access gives to nobody who
 * has not shown what the link asks for, stands for it. */
static struct actor guest_of(const struct grant *grant)
{
    return (struct actor){.role = ROLE_GUEST,
                          .person = grant->person,
                          .org = grant->org,
                          .token_ends_us = grant->ends_at_us};
}

/* The grant names the organisation and the role in it; the token must be its person's. */
err_t opening_check(struct worker *worker, const struct opening *opening, struct holder *ret_holder)
{
    const struct common_settings *settings = service_settings();
    struct sign_in sign_in = {.token = member_text(opening, "token")};
    struct grant *grant = &ret_holder->grant;
    char org[UUID_TEXT + 1];

    const err_t granted = grant_check(worker->arena, settings->access_public,
                                      member_text(opening, "grant"), clock_now_us(), grant);
    if (err_is_fault(granted)) return granted;
    if (granted == ERR_OK) {
        sign_in.org = str_of(uuid_format(grant->org, org));
        sign_in.role = grant->as;
    }
    ret_holder->actor = opening->was->actor;
    if (granted == ERR_OK && grant->alone && str_is(grant->as, role_word(ROLE_GUEST)))
        ret_holder->actor = guest_of(grant);
    else if (sign_in.token.p || !opening->was->open)
        TRY(auth_actor(auth, worker->db, worker->arena, &sign_in, &ret_holder->actor));
    TRY(granted);
    if (!rights_known(grant->rights, &grant->rights)) return ERR_GRANT_REQUIRED;
    TRY(grant_fits(opening, ret_holder));

    grant->role = str_of(str_is(grant->role, "patient") ? "patient" : "clinician");
    grant->as = str_of(role_word(ret_holder->actor.role));
    ret_holder->open = true;
    return ERR_OK;
}

/* ---- within the act ---- */

/* The relation that a grant proves, to the grant's end. Its id is the visit's, or the guest's own:
 * they are of one visit. */
static void relation_prove(struct act *act)
{
    const struct grant *grant = act->grant;
    const struct relation_of_grant relation = {
        .id = grant->alone ? grant->person : grant->visit,
        .kind = grant->alone ? STR("guest") : STR("booked"),
        .patient_id = grant->patient,
        .ends_at_us = grant->ends_at_us,
    };

    if (grant->alone || uuid_equal(grant->provider, act->who.person))
        relation_of_grant(act_tx(act), &relation);
}

/* What the grant is for, and its visit's labels, are asked of the policy as of any row. */
static err_t grant_allow(struct act *act)
{
    const struct grant *grant = act->grant;

    relation_prove(act);
    return act_allow_row(act, grant->patient, (struct row_marks){.labels = grant->labels});
}

err_t session_allow(struct act *act, const char *right)
{
    const struct grant *grant = act->grant;

    if (!has_right(grant, right)) return ERR_GRANT_REQUIRED;
    TRY(grant_allow(act));
    return consent_require(act, grant->patient, CONSENT_TELEHEALTH);
}

err_t session_refresh(struct act *act)
{
    const struct session_opened opened = {.ends_at_us = act->grant->ends_at_us};

    TRY(grant_allow(act));
    return act_reply(act, 200, &session_opened_shape, &opened);
}
