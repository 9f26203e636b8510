/* The chart: each allergy, condition and medicine is a row, sealed and told on its own. */
#include "services/patients/patients.h"

typedef Telecura__V1__RecordEvent__Kind record_event;

static const struct {
    const char *word;
    record_event event;
} kinds[] = {
    [KIND_ALLERGY] = {"allergy", KIND_OF(RECORD, ALLERGY)},
    [KIND_CONDITION] = {"condition", KIND_OF(RECORD, CONDITION)},
    [KIND_MEDICINE] = {"medicine", KIND_OF(RECORD, MEDICINE)},
};

static err_t record_tell(struct act *act, record_event kind, const struct record *row)
{
    Telecura__V1__RecordEvent *const event = ARENA_NEW(act->arena, Telecura__V1__RecordEvent);

    telecura__v1__record_event__init(event);
    event->kind = kind;
    event->patient = pb_uuid(act->arena, row->patient_id);
    event->state = pb_text(act->arena, row->state);
    event->sealed = pb_bytes(row->sealed);
    event->sealed_version = row->sealed_version;
    return act_emit(act, TOPIC_RECORDS, row->id, row->version, &event->base);
}

static err_t record_seal(struct act *act, struct uuid patient, enum kind kind, struct uuid row,
                         int64_t version, const struct coded *in, struct bytes *ret_sealed)
{
    Telecura__V1__CodedPhi phi = TELECURA__V1__CODED_PHI__INIT;

    phi.system = pb_text(act->arena, in->system);
    phi.code = pb_text(act->arena, in->code);
    phi.text = pb_text(act->arena, in->text);
    phi.criticality = pb_text(act->arena, in->criticality);
    phi.onset = pb_text(act->arena, in->onset);
    phi.status = pb_text(act->arena, in->status);
    return act_seal(act, patient, kind, row, version, &phi.base, ret_sealed);
}

static struct str text_or_none(const char *text)
{
    return *text ? str_of(text) : STR_NONE;
}

static struct coded coded_of(const ProtobufCMessage *message)
{
    const Telecura__V1__CodedPhi *const phi = (const Telecura__V1__CodedPhi *)message;

    return (struct coded){
        .system = text_or_none(phi->system), .code = text_or_none(phi->code),
        .text = str_of(phi->text), .criticality = text_or_none(phi->criticality),
        .onset = text_or_none(phi->onset), .status = text_or_none(phi->status),
    };
}

static struct record_reply reply_of(const struct record *row, const struct coded *about)
{
    struct record_reply reply = {*row, str_of(kinds[row->kind].word), *about};

    reply.about.labels = row->labels;
    return reply;
}

static err_t records_open(struct act *act, const struct record_rows *rows,
                          struct record_reply **ret_records)
{
    struct record_reply *const records = ARENA_ARRAY(act->arena, struct record_reply, rows->n + 1);
    struct unseal *const items = ARENA_ARRAY(act->arena, struct unseal, rows->n + 1);

    for (size_t i = 0; i < rows->n; i++) {
        const struct record *const row = &rows->p[i];
        items[i] = (struct unseal){.patient = row->patient_id, .row = row->id,
                                   .kind = (enum kind)row->kind, .version = row->sealed_version,
                                   .sealed = row->sealed};
    }
    TRY(act_unseal(act, items, rows->n));
    for (size_t i = 0; i < rows->n; i++) {
        const struct coded about = coded_of(items[i].message);
        records[i] = reply_of(&rows->p[i], &about);
    }
    *ret_records = records;
    return ERR_OK;
}

static err_t record_allow(struct act *act, struct uuid patient, int64_t labels)
{
    return act_allow_row(act, patient, (struct row_marks){.labels = labels});
}

static err_t record_add(struct act *act, enum kind kind)
{
    const struct coded *in = act->in;
    struct record row;
    struct record_insert new = {
        .id = uuid_v7(act->now_us), .patient_id = act->path_id, .kind = (int32_t)kind,
        .labels = in->labels,
    };

    TRY(record_allow(act, act->path_id, in->labels));
    TRY(act_settle(act));
    TRY(record_seal(act, act->path_id, kind, new.id, 1, in, &new.sealed));
    TRY(record_insert(act, &new, &row));
    TRY(record_tell(act, kinds[kind].event, &row));
    const struct record_reply reply = reply_of(&row, in);
    return act_reply(act, 201, &record_shape, &reply);
}

/* Under the patient's new key, and told so. */
err_t record_reseal(struct act *act)
{
    const struct sealed_row *in = act->in;
    struct record_again again = {.id = in->id, .read_version = in->version};
    struct record row;

    TRY(act_allow(act, in->patient));
    TRY(act_reseal(act, in, in->version + 1, &again.sealed));
    TRY(record_again(act, &again, &row));
    return record_tell(act, str_is(row.state, "removed") ? KIND_OF(RECORD, REMOVED)
                                                         : kinds[row.kind].event, &row);
}

/* POST /v1/patients/{id}/allergies, conditions, medicines */
err_t allergy_add(struct act *act)
{
    return record_add(act, KIND_ALLERGY);
}

err_t condition_add(struct act *act)
{
    return record_add(act, KIND_CONDITION);
}

err_t medicine_add(struct act *act)
{
    return record_add(act, KIND_MEDICINE);
}

static err_t record_list(struct act *act, enum kind kind)
{
    const struct list_query *in = act->in;
    struct cursor after;
    struct record_rows rows;
    struct record_reply *records;
    struct str next = STR_NONE;

    TRY(act_allow(act, act->path_id));
    TRY(act_allow_list(act));
    TRY(act_cursor_open(act, in->cursor, &after));
    const struct records_of query = {
        .patient_id = act->path_id, .kind = (int32_t)kind, .after_id = after.id,
        .limit = in->limit,
    };
    TRY(records_of(act, &query, &rows));
    TRY(records_open(act, &rows, &records));
    if (rows.n == (size_t)query.limit)
        next = act_cursor(act, (struct cursor){0, rows.p[rows.n - 1].id});
    return act_reply_list(act, &record_shape, records, rows.n, next);
}

/* GET /v1/patients/{id}/allergies, conditions, medicines */
err_t allergy_list(struct act *act)
{
    return record_list(act, KIND_ALLERGY);
}

err_t condition_list(struct act *act)
{
    return record_list(act, KIND_CONDITION);
}

err_t medicine_list(struct act *act)
{
    return record_list(act, KIND_MEDICINE);
}

/* The record of the path; queues the guard. */
static err_t record_begin(struct act *act, struct record *ret_row)
{
    TRY(record_get(act, &(struct record_get){.id = act->path_id}, ret_row));
    return record_allow(act, ret_row->patient_id, ret_row->labels);
}

/* GET /v1/records/{id} */
err_t record_read(struct act *act)
{
    struct record row;
    struct record_reply *record;

    TRY(record_begin(act, &row));
    TRY(records_open(act, &(struct record_rows){&row, 1}, &record));
    return act_reply(act, 200, &record_shape, record);
}

/* PUT /v1/records/{id} */
err_t record_change(struct act *act)
{
    const struct coded *in = act->in;
    struct record row;
    struct record_update update = {.id = act->path_id, .if_match = act->if_match};

    update.labels = in->labels;
    TRY(record_begin(act, &row));
    TRY(record_allow(act, row.patient_id, in->labels));
    TRY(act_settle(act));
    if (in->criticality.p && row.kind != KIND_ALLERGY)
        return act_at(act, "/criticality", ERR_UNPROCESSABLE);

    TRY(record_seal(act, row.patient_id, (enum kind)row.kind, row.id, act->if_match + 1, in,
                    &update.sealed));
    TRY(record_update(act, &update, &row));
    TRY(record_tell(act, kinds[row.kind].event, &row));
    const struct record_reply reply = reply_of(&row, in);
    return act_reply(act, 200, &record_shape, &reply);
}

/* DELETE /v1/records/{id}: the row stays, for the record's own history. */
err_t record_remove(struct act *act)
{
    const struct record_end end = {.id = act->path_id, .if_match = act->if_match};
    struct record row;

    TRY(record_begin(act, &row));
    TRY(record_end(act, &end, &row));
    TRY(record_tell(act, KIND_OF(RECORD, REMOVED), &row));
    act_resource(act, row.id, row.version);
    return ERR_OK;
}
