/* What a handler decides and tells: allow, consent, emit, states. */
#include "common/app/act.h"
#include "common/app/run.h"
#include "common/app/sql.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <assert.h>

#define PATIENTS_MAX 256 /* of one act: a page of a list */

struct tx *act_tx(struct act *act)
{
    struct act_own *own = act->own;

    if (!own->tx) {
        own->frame = (struct tx_frame){act->org,    act->id,          act->who.person,
                                       act->now_us, act->deadline_us, act->arena};
        own->tx = tx_begin(own->db, &own->frame);
    }
    return own->tx;
}

void act_enter(struct act *act, struct uuid org)
{
    act->org = act->who.org = org;
    if (act->own->tx) tx_enter(act->own->tx, org);
}

void act_become(struct act *act, enum role role, struct uuid person)
{
    act->who.role = role;
    act->who.person = person;
    if (act->own->tx) tx_become(act->own->tx, person);
}

err_t act_settle(struct act *act)
{
    return act->own->tx ? tx_flush(act->own->tx) : ERR_OK;
}

static bool is_known(const struct act_own *own, struct uuid patient)
{
    for (const struct patient_node *at = own->patients; at; at = at->next) {
        if (uuid_equal(at->patient, patient)) return true;
    }
    return false;
}

/* One more patient for the audit row. */
static err_t patient_add(struct act *act, struct uuid patient, bool shown)
{
    struct act_own *own = act->own;

    if (is_known(own, patient)) return ERR_OK;
    if (own->patient_count == PATIENTS_MAX)
        return err_raise(ERR_INTERNAL, "an act about more than %d patients", PATIENTS_MAX);

    struct patient_node *node = ARENA_NEW(act->arena, struct patient_node);
    *node = (struct patient_node){patient, shown, own->patients};
    own->patients = node;
    own->patient_count++;
    return ERR_OK;
}

bool run_asked(const struct act *act, struct uuid patient)
{
    return act->who.role == ROLE_SERVICE || act->own->listed || is_known(act->own, patient);
}

err_t run_shown(struct act *act, struct uuid patient)
{
    if (run_asked(act, patient)) return patient_add(act, patient, act->own->listed);

    act->own->leaked = true;
    TRY(patient_add(act, patient, false));
    return err_raise(ERR_NOT_VISIBLE, "%s shows a patient of whom it has not asked",
                     act->own->run->resource);
}

static void guard_relation(struct act *act, struct uuid patient, const struct policy_need *need)
{
    const struct strs kinds = policy_kind_words(act->arena, need->kinds);
    const struct guard_allow guard = {patient, kinds};

    if (need->reach & ANY) return;
    if (need->site) guard_site(act_tx(act), &guard);
    else guard_allow(act_tx(act), &guard);
}

static void guard_agreed(struct act *act, enum permission permission, struct uuid patient,
                         enum consent consent, const char *refusal)
{
    const struct guard_consent guard = {
        .patient_id = patient,
        .scope = str_of(consent_word(consent)),
        .purpose = str_of(purpose_code(policy_purpose(act->who.role, permission))),
        .refusal = str_of(refusal),
    };

    guard_consent(act_tx(act), &guard);
}

/* What policy_need() leaves open is asked in the transaction. */
static err_t allow(struct act *act, enum permission permission, struct uuid patient,
                   struct row_marks marks)
{
    const struct policy_ask ask = {
        .role = act->who.role,
        .permission = permission,
        .labels = (unsigned)marks.labels,
        .mine = !uuid_is_nil(marks.author) && uuid_equal(marks.author, act->who.person),
    };
    const struct policy_need need = policy_need(&ask);

    TRY(auth_may(&act->who, permission, clock_real_us()));
    TRY(patient_add(act, patient, false));
    act->own->decided = true;
    act->own->labels |= marks.labels;
    if (need.word != POLICY_ALLOWED) return ERR_NOT_FOUND;

    guard_relation(act, patient, &need);
    for (enum consent consent = CONSENT_NONE + 1; consent < CONSENTS; consent++) {
        if (need.consents & POLICY_BIT(consent))
            guard_agreed(act, permission, patient, consent, "TC001");
    }
    return ERR_OK;
}

err_t act_allow_for(struct act *act, enum permission permission, struct uuid patient)
{
    return allow(act, permission, patient, (struct row_marks){0});
}

err_t act_allow(struct act *act, struct uuid patient)
{
    return act_allow_for(act, act->own->run->may, patient);
}

err_t act_allow_row(struct act *act, struct uuid patient, struct row_marks marks)
{
    return allow(act, act->own->run->may, patient, marks);
}

err_t act_allow_row_for(struct act *act, enum permission permission, struct uuid patient,
                        struct row_marks marks)
{
    return allow(act, permission, patient, marks);
}

err_t act_allow_none(struct act *act)
{
    act->own->decided = true;
    return ERR_OK;
}

/* ANY is not about one patient; whom its lists may show is the organisation's affair, as SITE's. */
static struct policy_need list_need(const struct act *act)
{
    const struct policy_ask ask = {.role = act->who.role, .permission = act->own->run->may};
    struct policy_need need = policy_need(&ask);

    if (need.reach & ANY) need.reach = SITE;
    need.site = (need.reach & SITE) != 0;
    return need;
}

void run_guard_shown(struct act *act, struct uuid patient)
{
    const struct policy_need need = list_need(act);

    guard_relation(act, patient, &need);
}

static struct str kinds_text(struct arena *arena, unsigned set)
{
    const struct strs kinds = policy_kind_words(arena, set);
    struct str text = STR("");

    for (size_t i = 0; i < kinds.n; i++)
        text = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(text), i ? "," : "",
                            STR_ARG(kinds.p[i]));
    return text;
}

err_t act_allow_list(struct act *act)
{
    const struct policy_need need = list_need(act);
    const enum permission may = act->own->run->may;
    /* Whom the organisation has is reached; by one's own relation more may be shown of them. */
    const struct guard_list scope = {
        .kinds = kinds_text(act->arena, need.site ? policy_kinds(CARE) : need.kinds),
        .site = need.site ? STR("t") : STR("f"),
        .near = policy_unlisted(act->who.role, may, true),
        .far = policy_unlisted(act->who.role, may, false),
    };

    guard_list(act_tx(act), &scope);
    act->own->decided = act->own->listed = true;
    return ERR_OK;
}

err_t consent_require(struct act *act, struct uuid patient, enum consent consent)
{
    guard_agreed(act, act->own->run->may, patient, consent, "TC002");
    consent_held(act, consent);
    return ERR_OK;
}

void consent_held(struct act *act, enum consent consent)
{
    act->own->consents |= POLICY_BIT(consent);
}

void act_forget_actors(struct act *act)
{
    act->own->forgets = true;
}

void act_resource(struct act *act, struct uuid id, int64_t version)
{
    act->own->resource = id;
    act->own->resource_version = version;
}

/* Field 1 of every event is its kind. */
static int kind_of(const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field = message->descriptor->fields;
    int32_t kind;

    assert(message->descriptor->n_fields > 0 && field->id == 1 &&
           field->type == PROTOBUF_C_TYPE_ENUM);
    memcpy(&kind, (const char *)message + field->offset, sizeof kind);
    return kind;
}

err_t act_emit(struct act *act, enum topic topic, struct uuid key, int64_t version,
               const ProtobufCMessage *message)
{
    assert(message->descriptor == topic_info(topic)->message);

    struct outbox_insert *event = ARENA_NEW(act->arena, struct outbox_insert);
    *event = (struct outbox_insert){
        .id = uuid_v7(act->now_us),
        .topic = str_of(topic_info(topic)->name),
        .key = key,
        .kind = kind_of(message),
        .version = version,
        .payload = pb_pack(act->arena, message),
    };
    if (act->own->event) outbox_insert(act_tx(act), act->own->event);
    act->own->event = event;
    return ERR_OK;
}

err_t act_step(struct act *act, const struct fsm_row *rows, const char *event, struct fsm_step *ret)
{
    const unsigned role = act->who.role == ROLE_SERVICE ? FSM_SERVICE : (unsigned)act->who.role;

    return fsm_step(rows, event, role, ret);
}
