#include "common/app/sql.h"
#include "services/patients/patients.h"

#define FOUND_MAX 50

static const ProtobufCMessage *event_of(struct act *act, const struct patient *row)
{
    Telecura__V1__RecordEvent *const event = ARENA_NEW(act->arena, Telecura__V1__RecordEvent);

    telecura__v1__record_event__init(event);
    event->kind = KIND_OF(RECORD, PATIENT);
    event->patient = pb_uuid(act->arena, row->patient_id);
    event->state = pb_text(act->arena, STR("active"));
    event->sealed = pb_bytes(row->sealed);
    event->sealed_version = row->version;
    return &event->base;
}

static err_t patient_tell(struct act *act, const struct patient *row)
{
    return act_emit(act, TOPIC_RECORDS, row->patient_id, row->version, event_of(act, row));
}

/* Staff reach a patient through who the patient is; until access enrols a person for the record, it
 * is nobody's own and still the organisation's. */
static void relation_keep(struct act *act, struct uuid patient)
{
    const struct relation_upsert self = {
        .id = patient, .person = UUID_NIL, .patient_id = patient, .kind = STR("self"),
        .starts_at_us = act->now_us, .version = 1,
    };

    relation_upsert(act_tx(act), &self);
}

static err_t patient_seal(struct act *act, struct uuid patient, int64_t version,
                          const struct demographics *in, struct bytes *ret_sealed)
{
    Telecura__V1__PatientPhi phi = TELECURA__V1__PATIENT_PHI__INIT;

    phi.family_name = pb_text(act->arena, in->family_name);
    phi.given_name = pb_text(act->arena, in->given_name);
    phi.birth_date = pb_text(act->arena, in->birth_date);
    phi.gender = pb_text(act->arena, in->gender);
    phi.mrn = pb_text(act->arena, in->mrn);
    phi.phone = pb_text(act->arena, in->phone);
    phi.email = pb_text(act->arena, in->email);
    phi.address = pb_text(act->arena, in->address);
    phi.language = pb_text(act->arena, in->language);
    return act_seal(act, patient, KIND_PATIENT, patient, version, &phi.base, ret_sealed);
}

static struct str text_or_none(const char *text)
{
    return *text ? str_of(text) : STR_NONE;
}

static struct demographics demographics_of(const ProtobufCMessage *message)
{
    const Telecura__V1__PatientPhi *const phi = (const Telecura__V1__PatientPhi *)message;

    return (struct demographics){
        .family_name = str_of(phi->family_name), .given_name = str_of(phi->given_name),
        .birth_date = str_of(phi->birth_date), .gender = str_of(phi->gender),
        .mrn = text_or_none(phi->mrn), .phone = text_or_none(phi->phone),
        .email = text_or_none(phi->email), .address = text_or_none(phi->address),
        .language = text_or_none(phi->language),
    };
}

static err_t patients_open(struct act *act, const struct patient_rows *rows,
                           struct patient_reply **ret_patients)
{
    struct patient_reply *const patients =
        ARENA_ARRAY(act->arena, struct patient_reply, rows->n + 1);
    struct unseal *const items = ARENA_ARRAY(act->arena, struct unseal, rows->n + 1);

    for (size_t i = 0; i < rows->n; i++) {
        const struct patient *const row = &rows->p[i];
        items[i] = (struct unseal){.patient = row->patient_id, .row = row->patient_id,
                                   .kind = KIND_PATIENT, .version = row->version,
                                   .sealed = row->sealed};
    }
    TRY(act_unseal(act, items, rows->n));
    for (size_t i = 0; i < rows->n; i++)
        patients[i] = (struct patient_reply){rows->p[i], demographics_of(items[i].message)};
    *ret_patients = patients;
    return ERR_OK;
}

static struct search search_of(const struct demographics *in)
{
    return (struct search){.family_name = in->family_name, .birth_date = in->birth_date,
                           .mrn = in->mrn, .phone = in->phone, .email = in->email};
}

/* A record for somebody whom access enrolled before, or for somebody new. */
static err_t patient_name(struct act *act, struct uuid enrolled, struct uuid *ret_patient)
{
    if (uuid_is_nil(enrolled)) {
        *ret_patient = uuid_v4();
        return act_allow(act, *ret_patient);
    }
    *ret_patient = enrolled;
    TRY(act_allow_for(act, WRITE_DEMOGRAPHICS, enrolled));
    return act_settle(act);
}

/* POST /v1/patients: the front desk opens a record. */
err_t patient_register(struct act *act)
{
    const struct registration *in = act->in;
    const struct search by = search_of(&in->about);
    struct patient_reply patient = {.about = in->about};
    struct patient_insert new = {0};
    struct indexes index;

    TRY(patient_name(act, in->patient_id, &new.patient_id));
    TRY(index_make(act, &by, &index));
    new.name_index = index.of[INDEX_NAME];
    new.mrn_index = index.of[INDEX_MRN];
    new.phone_index = index.of[INDEX_PHONE];
    new.email_index = index.of[INDEX_EMAIL];
    TRY(patient_seal(act, new.patient_id, 1, &in->about, &new.sealed));
    TRY(patient_insert(act, &new, &patient.row));
    relation_keep(act, new.patient_id);
    TRY(patient_tell(act, &patient.row));
    return act_reply(act, 201, &patient_shape, &patient);
}

/* GET /v1/patients/{id} */
err_t patient_read(struct act *act)
{
    struct patient row;
    struct patient_reply *patient;

    TRY(act_allow(act, act->path_id));
    TRY(patient_get(act, &(struct patient_get){.patient_id = act->path_id}, &row));
    TRY(patients_open(act, &(struct patient_rows){&row, 1}, &patient));
    return act_reply(act, 200, &patient_shape, patient);
}

/* GET /v1/patients */
err_t patient_list(struct act *act)
{
    const struct list_query *in = act->in;
    struct cursor after;
    struct patient_rows rows;
    struct patient_reply *patients;
    struct str next = STR_NONE;

    TRY(act_allow_list(act));
    TRY(act_cursor_open(act, in->cursor, &after));
    const struct patients_visible query = {
        .after_at_us = after.at_us, .after_id = after.id,
        .limit = in->limit,
    };
    TRY(patients_visible(act, &query, &rows));
    TRY(patients_open(act, &rows, &patients));
    if (rows.n == (size_t)query.limit) {
        const struct patient *const last = &rows.p[rows.n - 1];
        next = act_cursor(act, (struct cursor){last->created_at_us, last->patient_id});
    }
    return act_reply_list(act, &patient_shape, patients, rows.n, next);
}

/* What was named and cannot be searched by must not widen the search. */
static bool search_is_sound(const struct search *in, const struct indexes *index)
{
    const bool named[INDEXES] = {
        [INDEX_NAME] = in->family_name.p || in->birth_date.p, [INDEX_MRN] = in->mrn.p,
        [INDEX_PHONE] = in->phone.p, [INDEX_EMAIL] = in->email.p,
    };
    bool any = false;

    for (enum index i = 0; i < INDEXES; i++) {
        if (named[i] != (index->of[i].p != NULL)) return false;
        any |= named[i];
    }
    return any;
}

/* POST /v1/patients/search: in the body, since a URL ends up in logs. */
err_t patient_search(struct act *act)
{
    const struct search *in = act->in;
    struct indexes index;
    struct patient_rows rows;
    struct patient_reply *patients;

    TRY(act_allow_list(act));
    TRY(index_make(act, in, &index));
    if (!search_is_sound(in, &index)) return ERR_UNPROCESSABLE;

    const struct patients_found query = {
        .name_index = index.of[INDEX_NAME], .mrn_index = index.of[INDEX_MRN],
        .phone_index = index.of[INDEX_PHONE], .email_index = index.of[INDEX_EMAIL],
        .limit = FOUND_MAX,
    };
    TRY(patients_found(act, &query, &rows));
    TRY(patients_open(act, &rows, &patients));
    return act_reply_list(act, &patient_shape, patients, rows.n, STR_NONE);
}

/* PUT /v1/patients/{id}: sealed for the version that follows the one of If-Match, and no other. */
err_t patient_change(struct act *act)
{
    const struct demographics *in = act->in;
    const struct search by = search_of(in);
    struct patient_reply patient = {.about = *in};
    struct patient_update update = {.patient_id = act->path_id, .if_match = act->if_match};
    struct indexes index;

    TRY(act_allow(act, act->path_id));
    TRY(act_settle(act));
    TRY(index_make(act, &by, &index));
    update.name_index = index.of[INDEX_NAME];
    update.mrn_index = index.of[INDEX_MRN];
    update.phone_index = index.of[INDEX_PHONE];
    update.email_index = index.of[INDEX_EMAIL];
    TRY(patient_seal(act, act->path_id, act->if_match + 1, in, &update.sealed));
    TRY(patient_update(act, &update, &patient.row));
    TRY(patient_tell(act, &patient.row));
    return act_reply(act, 200, &patient_shape, &patient);
}
