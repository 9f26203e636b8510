/*
 * Guests: whom the patient's side or the visit's staff ask to one visit by a one-time link.
 *
 * They have no sign-in. A link is a secret of 128 bits, of which only the hash is kept; its holder
 * must type something besides: a birth date or a phone number, sealed under the patient's key. Who
 * has both within the link's minutes gets a grant for that visit's call; the page that took the
 * link keeps a key of its own and renews the grant by it. Three wrong tries end the link.
 *
 * What holds if the process dies  a wrong try is committed before it is answered. A link that was
 * taken, and whose answer was lost, is the same page's still.
 */
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/crypto/hash.h"
#include "services/access/access.h"

#define GUESTS_MAX 4      /* of a visit, at a time (a call has eight seats) */
#define TRIES_MAX 3       /* that are wrong */
#define PHONE_DIGITS 8    /* its last ones: how a number begins is written in many ways */

/* ---- what must be typed ---- */

struct proof {
    struct str kind, text; /* text: with its kind before it */
};

/* The last digits; absent when there are fewer. */
static struct str phone_tail(struct arena *arena, struct str phone)
{
    char *digits = arena_alloc(arena, PHONE_DIGITS);
    size_t n = 0;

    for (size_t i = phone.n; i > 0 && n < PHONE_DIGITS; i--) {
        if (phone.p[i - 1] >= '0' && phone.p[i - 1] <= '9')
            digits[PHONE_DIGITS - ++n] = phone.p[i - 1];
    }
    return n == PHONE_DIGITS ? (struct str){digits, n} : STR_NONE;
}

/* One of the two. */
static err_t proof_of(struct act *act, struct str birth_date, struct str phone, struct proof *ret)
{
    if ((birth_date.p != NULL) == (phone.p != NULL))
        return act_at(act, "/birth_date", ERR_UNPROCESSABLE); /* this or a phone */

    const struct str said = phone.p ? phone_tail(act->arena, phone) : birth_date;
    if (!said.p) return act_at(act, "/phone", ERR_UNPROCESSABLE);
    ret->kind = phone.p ? STR("phone") : STR("birth_date");
    ret->text = arena_printf(act->arena, STR_FMT " " STR_FMT, STR_ARG(ret->kind), STR_ARG(said));
    return ERR_OK;
}

/* In a time that tells nothing. */
static bool proof_matches(const struct proof *proof, const char *sealed)
{
    const struct hash typed = hash_sha256(str_bytes(proof->text));
    const struct hash asked = hash_sha256(str_bytes(str_of(sealed)));

    return hash_equal(&typed, &asked);
}

static struct unseal guest_sealed(const struct guest *row)
{
    return (struct unseal){
        .patient = row->patient_id,
        .row = row->id,
        .kind = KIND_GUEST,
        .sealed = row->sealed,
        .version = 1, /* sealed once, at the invitation */
    };
}

/* ---- those who ask somebody ---- */

/* A visit with such labels is not for guests. */
static bool takes_guests(int64_t labels)
{
    const struct policy_ask ask = {
        .role = ROLE_GUEST, .permission = MINT_GRANT, .labels = (unsigned)labels};

    return policy_need(&ask).word == POLICY_ALLOWED;
}

static struct guest_view guest_plain(const struct guest *row)
{
    return (struct guest_view){.row = *row, .tries_left = TRIES_MAX - row->tries};
}

static err_t guest_reply(struct act *act, const struct guest *row)
{
    struct guest_view view = guest_plain(row);
    struct unseal item = guest_sealed(row);

    TRY(act_unseal(act, &item, 1));
    view.display_name =
        str_of(((const Telecura__V1__GuestPhi *)(const void *)item.message)->display_name);
    return act_reply(act, 200, &guest_shape, &view);
}

/* POST /v1/guests: the link stands in this answer and nowhere else. */
err_t guest_invite(struct act *act)
{
    const struct guest_ask *in = act->in;
    struct guest_insert new = {
        .id = uuid_v4(),
        .visit_id = in->visit_id,
        .expires_at_us = act->now_us + in->minutes * MINUTE_US,
        .most = GUESTS_MAX,
    };
    Telecura__V1__GuestPhi phi = TELECURA__V1__GUEST_PHI__INIT;
    struct visit visit;
    struct proof proof;
    struct relation relation;
    struct guest row;

    TRY(guest_visit(act, &(struct guest_visit){in->visit_id}, &visit));
    TRY(act_allow_row(act, visit.patient_id, (struct row_marks){.labels = visit.labels}));
    TRY(act_settle(act));
    TRY(clinician_check(act, visit.provider_id));
    if (visit_is_closed(visit.state) || !takes_guests(visit.labels)) return ERR_BAD_STATE;
    TRY(proof_of(act, in->birth_date, in->phone, &proof));

    phi.display_name = pb_text(act->arena, in->display_name);
    phi.proof = pb_text(act->arena, proof.text);
    TRY(act_seal(act, visit.patient_id, KIND_GUEST, new.id, 1, &phi.base, &new.sealed));
    new.proof = proof.kind;
    const struct str link = one_time_make(act, &new.hash);
    TRY(guest_insert(act, &new, &row));
    TRY(relation_invited(act, &(struct relation_invited){row.id, row.visit_id}, &relation));
    TRY(tell_relation(act, &relation));

    struct guest_view view = guest_plain(&row);
    view.display_name = in->display_name;
    view.link = link;
    return act_reply(act, 201, &guest_shape, &view);
}

/* For those who may ask somebody to that visit. */
static err_t guest_of(struct act *act, struct guest *ret)
{
    TRY(guest_get(act, &(struct guest_get){act->path_id}, ret));
    TRY(act_allow_row(act, ret->patient_id, (struct row_marks){.labels = ret->labels}));
    TRY(act_settle(act));
    return clinician_check(act, ret->provider_id);
}

/* GET /v1/guests/{id} */
err_t guest_read(struct act *act)
{
    struct guest row;

    TRY(guest_of(act, &row));
    return guest_reply(act, &row);
}

/* GET /v1/guests */
err_t guests_read(struct act *act)
{
    const struct page *in = act->in;
    struct cursor after;
    struct guest_rows rows;
    struct str next = STR_NONE;

    TRY(act_cursor_open(act, in->cursor, &after));
    const struct guests_list ask = {
        .after_id = after.id,
        .visit_id = in->visit_id,
        .provider = clinician_filter(act),
        .limit = in->limit,
    };
    TRY(act_allow_list(act));
    TRY(guests_list(act, &ask, &rows));

    struct guest_view *views = ARENA_ARRAY(act->arena, struct guest_view, rows.n + 1);
    struct unseal *items = ARENA_ARRAY(act->arena, struct unseal, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++) items[i] = guest_sealed(&rows.p[i]);
    TRY(act_unseal(act, items, rows.n));
    for (size_t i = 0; i < rows.n; i++) {
        const Telecura__V1__GuestPhi *phi = (const void *)items[i].message;

        views[i] = guest_plain(&rows.p[i]);
        if (phi) views[i].display_name = str_of(phi->display_name);
    }
    if (rows.n == (size_t)ask.limit)
        next = act_cursor(act, (struct cursor){0, rows.p[rows.n - 1].id});
    return act_reply_list(act, &guest_shape, views, rows.n, next);
}

/* ---- how it ends ---- */

static err_t relation_over(struct act *act, struct uuid guest)
{
    struct relation_rows rows;

    TRY(relation_of_guest_end(act, &(struct relation_of_guest_end){guest}, &rows));
    for (size_t i = 0; i < rows.n; i++) TRY(tell_relation(act, &rows.p[i]));
    return ERR_OK;
}

/* POST /v1/guests/{id}/end: out of the call within two seconds, and not in again. */
err_t guest_end(struct act *act)
{
    struct guest row;

    TRY(guest_of(act, &row));
    TRY(guest_over(act, &(struct guest_over){row.id}, &row));
    grants_end_of_person(act, &(struct grants_end_of_person){row.id});
    TRY(relation_over(act, row.id));
    TRY(tell_guest_ended(act, row.id, row.version));
    return guest_reply(act, &row);
}

/* ---- those who come ---- */

/* Counted, and on record as refused; the last one ends the link. */
static err_t guest_miss(struct act *act, const struct guest *row)
{
    struct guest over;

    guest_missed(act, &(struct guest_missed){row->id});
    if (row->tries + 1 >= TRIES_MAX) {
        TRY(guest_over(act, &(struct guest_over){row->id}, &over));
        TRY(relation_over(act, row->id));
    }
    return act_refuse(act, ERR_PROOF_WRONG);
}

/* The page that took the link may come back; it is nobody else's any more. */
static bool link_opens(const struct guest *row, struct bytes device, int64_t now_us)
{
    if (row->ended_at_us) return false;
    if (!row->device.n) return now_us < row->expires_at_us;
    return row->device.n == device.n && secret_equal(row->device.p, device.p, device.n);
}

/* POST /v1/guests/enter: nobody is signed in; the link and what is typed say who it is. All that
 * does not open is the same 404, but a wrong word to a good link. */
err_t guest_enter(struct act *act)
{
    const struct guest_entry *in = act->in;
    const struct hash key = hash_sha256(str_bytes(in->device));
    const struct bytes device = bytes_of(key.b, sizeof key.b);
    struct guest_find ask;
    struct proof proof;
    struct guest row;
    struct visit visit;
    struct uuid org;
    bool found;

    if (!one_time_read(act, in->link, &org, &ask.hash)) return ERR_NOT_FOUND;
    act_enter(act, org);
    TRY(guest_find(act, &ask, &row, &found));
    if (!found) return ERR_NOT_FOUND;

    act_become(act, ROLE_GUEST, row.id);
    act_resource(act, row.id, row.version);
    TRY(act_allow_row_for(act, MINT_GRANT, row.patient_id, (struct row_marks){.labels = row.labels}));
    TRY(act_settle(act));
    if (!link_opens(&row, device, act->now_us)) return ERR_NOT_FOUND;
    if (!row.device.n) {
        struct unseal item = guest_sealed(&row);

        TRY(proof_of(act, in->birth_date, in->phone, &proof));
        TRY(act_unseal(act, &item, 1));
        const Telecura__V1__GuestPhi *const phi = (const void *)item.message;
        if (!proof_matches(&proof, phi->proof)) return guest_miss(act, &row);
        guest_entered(act, &(struct guest_entered){.id = row.id, .device = device});
    }
    TRY(visit_get(act, &(struct visit_get){row.visit_id}, &visit));
    TRY(act_allow_row_for(act, MINT_GRANT, visit.patient_id,
                          (struct row_marks){.labels = visit.labels}));
    return grant_give(act, &visit, &(struct grant_terms){STR("call"), true});
}
