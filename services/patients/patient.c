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

/* ---- under which keys ---- */

#define FORMERS_MAX 7 /* renewed one after the other, and none of them gone yet */

struct asked { /* what is searched by, under each key */
    struct indexes by[1 + FORMERS_MAX];
    size_t n;
};

/* Adds the keys that indexes are under by now; *ret_more when there was one. */
static err_t keys_add(struct act *act, const struct search *in, struct asked *asked,
                      bool *ret_more)
{
    struct index_key_rows keys;

    *ret_more = false;
    TRY(index_keys(act, &keys));
    for (size_t i = 0; i < keys.n; i++) {
        bool known = uuid_is_nil(keys.p[i].key); /* no key was renewed since then */
        for (size_t k = 0; k < asked->n; k++) known |= uuid_equal(asked->by[k].key, keys.p[i].key);
        if (known) continue;
        if (asked->n > FORMERS_MAX)
            return err_raise(ERR_UNAVAILABLE, "indexes are under %zu keys", keys.n);
        const err_t err = index_make(act, in, keys.p[i].key, &asked->by[asked->n]);
        if (err == ERR_NOT_FOUND) continue;
        TRY(err);
        asked->n++;
        *ret_more = true;
    }
    return ERR_OK;
}

/* One kind of index under each key; none when it was not named. */
static struct blobs under_each(struct act *act, const struct asked *asked, enum index index)
{
    struct bytes *const list = ARENA_ARRAY(act->arena, struct bytes, asked->n);
    size_t n = 0;

    for (size_t i = 0; i < asked->n; i++)
        if (asked->by[i].of[index].p) list[n++] = asked->by[i].of[index];
    return (struct blobs){list, n};
}

/* While indexes are made anew a number may be held under a former key. */
static err_t mrn_is_free(struct act *act, const struct search *by, const struct indexes *index,
                         struct uuid patient)
{
    struct asked asked = {{*index}, 1};
    struct mrn_holder holder;
    bool formers, held = false;

    if (!index->of[INDEX_MRN].p) return ERR_OK;
    TRY(keys_add(act, by, &asked, &formers));
    if (!formers) return ERR_OK;
    const struct mrn_held ask = {under_each(act, &asked, INDEX_MRN), patient};
    TRY(mrn_held(act, &ask, &holder, &held));
    return held ? ERR_MRN_TAKEN : ERR_OK;
}

/* Indexes under the organisation's new key: an act of the service's own (sealed.c). */
err_t patient_index_again(struct act *act)
{
    const struct sealed_row *in = act->in;
    struct patient row = {.patient_id = in->id, .version = in->version, .sealed = in->sealed};
    struct patient_reindex put = {.patient_id = in->id, .read_version = in->version};
    struct patient_reply *patient;
    struct indexes index;

    TRY(act_allow(act, in->patient));
    TRY(patients_open(act, &(struct patient_rows){&row, 1}, &patient));
    const struct search by = search_of(&patient->about);
    TRY(index_make(act, &by, UUID_NIL, &index));
    put.name_index = index.of[INDEX_NAME];
    put.mrn_index = index.of[INDEX_MRN];
    put.phone_index = index.of[INDEX_PHONE];
    put.email_index = index.of[INDEX_EMAIL];
    put.index_key = index.key;
    patient_reindex(act, &put);
    return ERR_OK;
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
    TRY(index_make(act, &by, UUID_NIL, &index));
    TRY(mrn_is_free(act, &by, &index, new.patient_id));
    new.index_key = index.key;
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
static err_t search_check(struct act *act, const struct search *in, const struct indexes *index)
{
    const bool dated = in->birth_date.p, half = in->family_name.p && !dated;
    const struct {
        bool named;
        const char *at;
    } fields[INDEXES] = {
        [INDEX_NAME] = {in->family_name.p || dated, half ? "/birth_date" : "/family_name"},
        [INDEX_MRN] = {in->mrn.p, "/mrn"},
        [INDEX_PHONE] = {in->phone.p, "/phone"},
        [INDEX_EMAIL] = {in->email.p, "/email"},
    };
    bool any = false;

    for (enum index i = 0; i < INDEXES; i++) {
        if (fields[i].named != (index->of[i].p != NULL))
            return act_at(act, fields[i].at, ERR_UNPROCESSABLE);
        any |= fields[i].named;
    }
    return any ? ERR_OK : ERR_UNPROCESSABLE;
}

/* POST /v1/patients/search: in the body, since a URL ends up in logs. */
err_t patient_search(struct act *act)
{
    const struct search *in = act->in;
    struct asked asked = {.n = 1};
    struct patient_rows rows;
    struct patient_reply *patients;
    bool more;

    TRY(act_allow_list(act));
    TRY(index_make(act, in, UUID_NIL, &asked.by[0]));
    TRY(search_check(act, in, &asked.by[0]));

    TRY(keys_add(act, in, &asked, &more));
    do { /* a row that went to a newer key before it was looked for shows that key */
        const struct patients_found query = {
            under_each(act, &asked, INDEX_NAME), under_each(act, &asked, INDEX_MRN),
            under_each(act, &asked, INDEX_PHONE), under_each(act, &asked, INDEX_EMAIL),
            .limit = FOUND_MAX,
        };
        TRY(patients_found(act, &query, &rows));
        TRY(keys_add(act, in, &asked, &more));
    } while (more);
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
    TRY(index_make(act, &by, UUID_NIL, &index));
    TRY(mrn_is_free(act, &by, &index, act->path_id));
    update.index_key = index.key;
    update.name_index = index.of[INDEX_NAME];
    update.mrn_index = index.of[INDEX_MRN];
    update.phone_index = index.of[INDEX_PHONE];
    update.email_index = index.of[INDEX_EMAIL];
    TRY(patient_seal(act, act->path_id, act->if_match + 1, in, &update.sealed));
    TRY(patient_update(act, &update, &patient.row));
    TRY(patient_tell(act, &patient.row));
    return act_reply(act, 200, &patient_shape, &patient);
}
