#include "services/access/access.h"

static bool is_patient(struct str role)
{
    return str_is(role, "patient");
}

bool actor_is_patients(const struct act *act)
{
    return act->who.role == ROLE_PATIENT || act->who.role == ROLE_PROXY;
}

err_t clinician_check(const struct act *act, struct uuid clinician)
{
    return act->who.role == ROLE_CLINICIAN && !uuid_equal(clinician, act->who.person)
               ? ERR_NOT_FOUND
               : ERR_OK;
}

struct uuid clinician_filter(const struct act *act)
{
    return act->who.role == ROLE_CLINICIAN ? act->who.person : UUID_NIL;
}

/* Names the patient for guard and audit; staff are about no patient. */
static err_t person_allow(struct act *act, struct uuid patient)
{
    return uuid_is_nil(patient) ? act_allow_none(act) : act_allow(act, patient);
}

struct str person_language(struct str given)
{
    return given.p ? given : STR("en");
}

static struct person person_plain(const struct member *row)
{
    return (struct person){
        .id = row->person,
        .org = row->org,
        .patient_id = row->patient_id,
        .role = row->role,
        .state = row->state,
        .language = row->language,
        .bound = row->subject.p != NULL,
        .version = row->version,
    };
}

static struct str text_or_none(const char *text)
{
    return *text ? str_of(text) : STR_NONE;
}

static void person_open(const struct unseal *item, struct person *person)
{
    const Telecura__V1__PersonPhi *phi = (const void *)item->message;

    if (!phi) return;
    person->display_name = text_or_none(phi->display_name);
    person->email = text_or_none(phi->email);
    person->phone = text_or_none(phi->phone);
}

static struct unseal person_sealed(const struct member *row)
{
    return (struct unseal){
        .patient = row->patient_id,
        .row = row->id,
        .kind = KIND_PERSON,
        .sealed = row->sealed,
        .version = 1, /* sealed once, at the enrolment */
    };
}

err_t person_of(struct act *act, const struct member *row, struct person *ret)
{
    struct unseal item = person_sealed(row);

    TRY(act_unseal(act, &item, 1));
    *ret = person_plain(row);
    person_open(&item, ret);
    return ERR_OK;
}

static err_t person_seal(struct act *act, const struct newcomer *new, struct uuid member,
                         struct bytes *ret_sealed)
{
    Telecura__V1__PersonPhi phi = TELECURA__V1__PERSON_PHI__INIT;

    phi.display_name = pb_text(act->arena, new->display_name);
    phi.email = pb_text(act->arena, new->email);
    phi.phone = pb_text(act->arena, new->phone);
    return act_seal(act, new->patient_id, KIND_PERSON, member, 1, &phi.base, ret_sealed);
}

err_t person_insert(struct act *act, const struct newcomer *new, struct member *ret)
{
    const struct relation_self self = {uuid_v7(act->now_us), new->person, new->patient_id};
    struct relation relation;
    struct member_insert row = {
        .id = uuid_v7(act->now_us),
        .person = new->person,
        .role = new->role,
        .issuer = new->issuer,
        .subject = new->subject,
        .patient_id = new->patient_id,
        .language = person_language(new->language),
    };

    TRY(person_seal(act, new, row.id, &row.sealed));
    TRY(member_insert(act, &row, ret));
    TRY(tell_member(act, ret));
    if (!is_patient(new->role)) return ERR_OK;

    TRY(relation_self(act, &self, &relation));
    return tell_relation(act, &relation);
}

/* POST /v1/people: the front desk enrols a patient, an admin anybody. */
err_t person_enrol(struct act *act)
{
    const struct enrolment *in = act->in;
    const bool patient = is_patient(in->role);
    struct newcomer new = {
        .person = uuid_v4(),
        .patient_id = in->patient_id,
        .role = in->role,
        .display_name = in->display_name,
        .email = in->email,
        .phone = in->phone,
        .language = in->language,
    };
    struct member row;
    struct code code;

    if (!patient) TRY(auth_may(&act->who, MANAGE_PEOPLE, act->now_us));
    if (!patient && !uuid_is_nil(in->patient_id))
        return act_at(act, "/patient_id", ERR_UNPROCESSABLE);
    if (patient && uuid_is_nil(in->patient_id)) new.patient_id = uuid_v4();
    TRY(person_allow(act, new.patient_id));
    TRY(person_insert(act, &new, &row));
    TRY(code_issue(act, row.person, &code));

    struct person reply = person_plain(&row);
    reply.display_name = new.display_name;
    reply.email = new.email;
    reply.phone = new.phone;
    reply.sign_in_code = code.sign_in_code;
    reply.code_expires_at_us = code.code_expires_at_us;
    return act_reply(act, 201, &person_shape, &reply);
}

/* GET /v1/people/{id} */
err_t person_read(struct act *act)
{
    const struct member_get ask = {act->path_id};
    const bool outsider = actor_is_patients(act); /* they see whom they can book, and no address */
    struct member row;
    struct person person;

    TRY(member_get(act, &ask, &row));
    TRY(person_allow(act, row.patient_id));
    const bool own = uuid_equal(row.person, act->who.person);
    if (outsider && !own && uuid_is_nil(row.patient_id) && !str_is(row.role, "clinician")) {
        return ERR_NOT_FOUND;
    }
    TRY(person_of(act, &row, &person));
    if (outsider && !own) person.email = person.phone = STR_NONE;
    return act_reply(act, 200, &person_shape, &person);
}

/* GET /v1/people */
err_t people_list(struct act *act)
{
    const struct page *in = act->in;
    struct cursor after;
    struct member_rows rows;
    struct str next = STR_NONE;

    TRY(act_cursor_open(act, in->cursor, &after));
    const struct members_list ask = {
        .after_id = after.id,
        .role = in->role,
        .outsider = actor_is_patients(act),
        .limit = in->limit,
    };
    TRY(act_allow_list(act));
    TRY(members_list(act, &ask, &rows));

    struct person *people = ARENA_ARRAY(act->arena, struct person, rows.n + 1);
    struct unseal *items = ARENA_ARRAY(act->arena, struct unseal, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++) items[i] = person_sealed(&rows.p[i]);
    TRY(act_unseal(act, items, rows.n));
    for (size_t i = 0; i < rows.n; i++) {
        people[i] = person_plain(&rows.p[i]);
        person_open(&items[i], &people[i]);
        if (ask.outsider && !uuid_equal(people[i].id, act->who.person)) {
            people[i].email = people[i].phone = STR_NONE;
        }
    }
    if (rows.n == (size_t)ask.limit)
        next = act_cursor(act, (struct cursor){0, rows.p[rows.n - 1].id});
    return act_reply_list(act, &person_shape, people, rows.n, next);
}

/* POST /v1/people/{id}/disable: at once here, in two seconds on every live socket. */
err_t person_disable(struct act *act)
{
    const struct member_disable gone = {act->path_id};
    const struct member_elsewhere elsewhere = {act->path_id};
    const struct codes_cancel codes = {act->path_id};
    const struct grants_end_of_person grants = {act->path_id};
    struct member row;
    struct tally others;
    struct person person;

    if (uuid_equal(act->path_id, act->who.person))
        return ERR_UNPROCESSABLE; /* who would undo it? */
    TRY(member_disable(act, &gone, &row));
    TRY(person_allow(act, row.patient_id));
    codes_cancel(act, &codes);
    grants_end_of_person(act, &grants);
    TRY(member_elsewhere(act, &elsewhere, &others));
    TRY(tell_member(act, &row));
    TRY(tell_person_disabled(act, &row));
    /* Their sockets end everywhere; where they are still somebody they may come back. */
    if (others.n > 0) TRY(tell_member_changed(act, &row));
    TRY(person_of(act, &row, &person));
    /* Kafka may be away, so the replica that did it needs no feed to know. */
    act_forget_actors(act);
    return act_reply(act, 200, &person_shape, &person);
}

/* POST /v1/people/{id}/code: the first was lost or has expired. */
err_t person_code(struct act *act)
{
    const struct member_get ask = {act->path_id};
    struct member row;
    struct code code;

    TRY(member_get(act, &ask, &row));
    if (!is_patient(row.role)) TRY(auth_may(&act->who, MANAGE_PEOPLE, act->now_us));
    TRY(person_allow(act, row.patient_id));
    if (row.subject.p || !str_is(row.state, "active")) return ERR_BAD_STATE;
    TRY(code_issue(act, row.person, &code));
    act_resource(act, row.person, row.version);
    return act_reply(act, 200, &code_shape, &code);
}

/* GET /v1/sites */
err_t sites_read(struct act *act)
{
    struct site_rows rows;

    TRY(act_allow_none(act));
    TRY(sites_list(act, &rows));
    return act_reply_list(act, &site_shape, rows.p, rows.n, STR_NONE);
}
