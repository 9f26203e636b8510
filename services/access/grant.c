#include "services/access/access.h"

#include "common/base/clock.h"

static struct signer *signer;
static const char *pass_keys; /* public file of appointments */

err_t grant_start(void)
{
    const struct access_settings *const settings = service_settings();

    pass_keys = settings->common.appointments_public;
    signer = signer_new(settings->signing_key, settings->common.access_public);
    return signer ? ERR_OK : err_raise(ERR_UNAVAILABLE, "the key that signs grants cannot be used");
}

struct str grant_emergency(struct act *act, const struct glass *row)
{
    const struct emergency emergency = {
        .id = row->id,
        .org = act->org,
        .person = row->person,
        .patient = row->patient_id,
        .starts_at_us = row->opened_at_us,
        .ends_at_us = row->ends_at_us,
    };

    return emergency_mint(act->arena, signer, &emergency);
}

/* ---- visits, as appointments tells them ---- */

bool visit_is_closed(struct str state)
{
    return str_is(state, "completed") || str_is(state, "cancelled") || str_is(state, "no_show");
}

static bool is_open(struct str state)
{
    return str_is(state, "arrived") || str_is(state, "in_progress");
}

/* Who was asked to this visit alone. */
static err_t guests_go(struct act *act, struct uuid visit)
{
    struct relation_rows guests;

    guests_of_visit_over(act, &(struct guests_of_visit_over){visit});
    TRY(relations_of_visit_end(act, &(struct relations_of_visit_end){visit}, &guests));
    for (size_t i = 0; i < guests.n; i++) TRY(tell_relation(act, &guests.p[i]));
    return ERR_OK;
}

/* The grants of those for whom a visit of such labels is not. */
static err_t barred_go(struct act *act, struct uuid visit, int64_t labels)
{
    struct str *words = ARENA_ARRAY(act->arena, struct str, ROLES);
    struct ended_grant_rows grants;
    size_t n = 0;

    for (enum role role = 0; role < ROLES; role++) {
        const struct policy_ask ask = {role, MINT_GRANT, (unsigned)labels, false};

        if (policy_need(&ask).reach == NO) words[n++] = str_of(role_word(role));
    }
    TRY(grants_end_of_roles(act, &(struct grants_end_of_roles){visit, {words, n}}, &grants));
    return tell_grants_revoked(act, &grants);
}

static err_t booking_know(struct act *act, const struct visit_learn *visit)
{
    const struct relation_booked booking = {
        .id = visit->id,
        .person = visit->provider_id,
        .patient_id = visit->patient_id,
        .visit_ends_at_us = visit->ends_at_us,
        .care_days = relation_info(RELATION_BOOKED)->at_most,
    };
    struct relation booked;
    bool changed;

    TRY(relation_booked(act, &booking, &booked, &changed));
    return changed ? tell_relation(act, &booked) : ERR_OK;
}

/* A cancelled visit's relation ends with it, as if the desk had closed it. */
static err_t booking_over(struct act *act, const struct visit_learn *visit)
{
    struct relation_due_rows held;
    struct relation row;
    bool ended;

    TRY(relations_hold(act, &(struct relations_hold){visit->provider_id, visit->patient_id}, &held));
    TRY(relation_unbooked(act, &(struct relation_unbooked){visit->id}, &row, &ended));
    return ended ? relation_gone(act, &row) : ERR_OK;
}

/* Nothing when it is old news: a pass and the feed may come in any order. */
static err_t visit_know(struct act *act, const struct visit_learn *visit)
{
    struct visit_was was;
    bool news;

    TRY(visit_learn(act, visit, &was, &news));
    if (!news) return ERR_OK;

    if (str_is(visit->state, "cancelled")) TRY(booking_over(act, visit));
    else TRY(booking_know(act, visit));
    if (visit->labels) TRY(barred_go(act, visit->id, visit->labels));
    if (visit_is_closed(visit->state) && !visit_is_closed(was.state)) {
        TRY(guests_go(act, visit->id));
        TRY(tell_visit_closed(act, visit->id, visit->version));
    }
    return ERR_OK;
}

/* appointments.visits.v1 */
err_t visit_heard(struct act *act)
{
    const Telecura__V1__VisitEvent *heard = act->in;
    const struct visit_learn visit = {
        .id = act->event->key,
        .patient_id = pb_to_uuid(heard->patient),
        .provider_id = pb_to_uuid(heard->provider),
        .state = str_of(heard->state),
        .starts_at_us = heard->starts_at_us,
        .ends_at_us = heard->ends_at_us,
        .labels = heard->labels,
        .version = act->event->version,
        .epoch = act->event->epoch,
    };

    return visit_know(act, &visit);
}

/* A pass says what the feed will say: nobody waits for it. */
static err_t pass_know(struct act *act, struct str token, struct uuid *ret_visit)
{
    struct pass pass;

    TRY(pass_check(act->arena, pass_keys, token, act->now_us, &pass));
    if (!uuid_equal(pass.org, act->org)) return ERR_NOT_FOUND;
    *ret_visit = pass.visit;
    const struct visit_learn visit = {
        .id = pass.visit,
        .patient_id = pass.patient,
        .provider_id = pass.provider,
        .state = pass.state,
        .starts_at_us = pass.starts_at_us,
        .ends_at_us = pass.ends_at_us,
        .labels = pass.labels,
        .version = pass.version,
    };
    return visit_know(act, &visit);
}

/* ---- minting ---- */

static const struct grant_terms of_members = {STR("chat call"), false};

static struct grant_view grant_view(struct act *act, const struct visit_grant *row,
                                    const struct ground *ground, const struct grant_terms *terms)
{
    const struct grant grant = {
        .id = row->id,
        .org = act->org,
        .person = row->person,
        .patient = row->patient_id,
        .provider = row->provider_id,
        .visit = row->visit_id,
        .channel = row->channel_id,
        .role = row->seat,
        .as = str_of(role_word(act->who.role)),
        .rights = terms->rights,
        .alone = terms->alone,
        .minted_at_us = row->minted_at_us,
        .ends_at_us = row->ends_at_us,
        .labels = row->labels,
        .last = ground->ends_at_us && ground->ends_at_us <= row->ends_at_us,
    };

    return (struct grant_view){
        .id = row->id,
        .visit_id = row->visit_id,
        .channel_id = row->channel_id,
        .seat = row->seat,
        .grant = grant_mint(act->arena, signer, &grant),
        .expires_at_us = row->ends_at_us,
    };
}

/* A clinician sits at their own visits; everybody else whom act_allow() lets is the patient's side,
 * guests of this one visit too (grant_ground). */
static err_t seat_of(const struct act *act, const struct visit *visit, struct str *ret_seat)
{
    const bool clinician = act->who.role == ROLE_CLINICIAN;

    *ret_seat = clinician ? STR("clinician") : STR("patient");
    return clinician && !uuid_equal(visit->provider_id, act->who.person) ? ERR_NOT_FOUND : ERR_OK;
}

/* Consent and relation, held until COMMIT. */
static err_t ground_hold(struct act *act, struct uuid visit, struct uuid patient,
                         struct ground *ret_ground)
{
    const struct grant_ground ask = {.patient_id = patient, .visit_id = visit};

    consent_held(act, CONSENT_TELEHEALTH);
    return grant_ground(act, &ask, ret_ground);
}

/* 0: none. */
static int64_t sooner_us(int64_t end_us, int64_t other_us)
{
    return end_us && end_us < other_us ? end_us : other_us;
}

/* No grant outlives the consent and the relation that it rests on. */
static int64_t ends_at_us(const struct act *act, const struct ground *ground)
{
    const struct access_settings *const settings = service_settings();
    const int64_t minutes = act->who.role == ROLE_CLINICIAN ? settings->staff_grant_minutes
                                                            : settings->grant_minutes;
    const int64_t usual_us = act->now_us + minutes * MINUTE_US;

    return sooner_us(ground->relation_ends_at_us, sooner_us(ground->ends_at_us, usual_us));
}

err_t grant_give(struct act *act, const struct visit *visit, const struct grant_terms *terms)
{
    struct channel channel;
    struct ground ground;
    struct removal_id removal;
    struct str seat;
    bool removed;

    TRY(act_settle(act));
    TRY(seat_of(act, visit, &seat));
    if (!is_open(visit->state)) return ERR_BAD_STATE;
    TRY(ground_hold(act, visit->id, visit->patient_id, &ground));
    TRY(channel_of(act, &(struct channel_of){visit->id, uuid_v4()}, &channel));
    TRY(removal_of_actor(act, &(struct removal_of_actor){visit->id}, &removal, &removed));
    if (removed) return ERR_REMOVED;

    const struct visit_grant row = {
        .id = uuid_v7(act->now_us),
        .visit_id = visit->id,
        .patient_id = visit->patient_id,
        .provider_id = visit->provider_id,
        .channel_id = channel.channel_id,
        .person = act->who.person,
        .seat = seat,
        .minted_at_us = act->now_us,
        .ends_at_us = ends_at_us(act, &ground),
        .labels = visit->labels,
    };
    const struct grant_insert new = {
        .id = row.id,
        .visit_id = row.visit_id,
        .seat = seat,
        .minted_at_us = row.minted_at_us,
        .ends_at_us = row.ends_at_us,
    };
    const struct grant_view view = grant_view(act, &row, &ground, terms);
    grant_insert(act, &new);
    return act_reply(act, 201, &grant_shape, &view);
}

/* POST /v1/grants: into a visit that is open, by consent and relation held until COMMIT. */
err_t grant_make(struct act *act)
{
    const struct grant_ask *in = act->in;
    struct visit_get ask = {in->visit_id};
    struct visit visit;

    if ((in->pass.p != NULL) != uuid_is_nil(in->visit_id))
        return act_at(act, "/visit_id", ERR_UNPROCESSABLE); /* this or a pass */
    if (in->pass.p) TRY(pass_know(act, in->pass, &ask.id));
    TRY(visit_get(act, &ask, &visit));
    TRY(act_allow_row(act, visit.patient_id, (struct row_marks){.labels = visit.labels}));
    return grant_give(act, &visit, &of_members);
}

/* GET /v1/grants/{id}: the same token again, for whom it was minted, while its grounds hold. */
err_t grant_read(struct act *act)
{
    const struct grant_get ask = {act->path_id};
    struct visit_grant row;
    struct ground ground;

    TRY(grant_get(act, &ask, &row));
    TRY(act_allow_row(act, row.patient_id, (struct row_marks){.labels = row.labels}));
    TRY(act_settle(act));
    if (!uuid_equal(row.person, act->who.person)) return ERR_NOT_FOUND;
    if (row.revoked_at_us || row.ends_at_us <= act->now_us) return ERR_BAD_STATE;
    TRY(ground_hold(act, row.visit_id, row.patient_id, &ground));
    const struct grant_view view = grant_view(act, &row, &ground, &of_members);
    return act_reply(act, 200, &grant_shape, &view);
}

/* POST /v1/grants/{id}/revoke */
err_t grant_revoke(struct act *act)
{
    const struct grant_get ask = {act->path_id};
    const struct grant_end end = {act->path_id};
    struct visit_grant row;
    struct tally version;

    TRY(grant_get(act, &ask, &row));
    TRY(act_allow(act, row.patient_id));
    TRY(grant_end(act, &end, &version));
    TRY(tell_grant_revoked(act, row.id, version.n));
    row.revoked_at_us = act->now_us;
    return act_reply(act, 200, &grant_end_shape, &row);
}
