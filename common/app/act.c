/* What a handler decides and tells: allow, consent, emit, states. */
#include "common/app/act.h"
#include "common/app/run.h"
#include "common/app/sql.h"
#include "common/base/log.h"

#include <assert.h>

#define PATIENTS_MAX 256 /* of one act: a page of a list */

static const char *const consents[CONSENTS] = {
#define CONSENT(name, word) [CONSENT_##name] = word,
#include "common/app/consents.def"
#undef CONSENT
};

static const struct {
    const char *word;
    enum reach reach;
} relations[] = {
#define RELATION(name, word, reach) {word, reach},
#include "common/app/relations.def"
#undef RELATION
};

#define RELATIONS (sizeof relations / sizeof *relations)

static const char *consent_word(enum consent consent)
{
    assert(consent < CONSENTS);
    return consents[consent];
}

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

/* The relation words that a reach opens, as an SQL array. */
static struct strs kinds_of(struct arena *arena, unsigned reach)
{
    struct str *words = ARENA_ARRAY(arena, struct str, RELATIONS);
    size_t n = 0;

    for (size_t i = 0; i < RELATIONS; i++) {
        if (relations[i].reach & reach) words[n++] = str_of(relations[i].word);
    }
    return (struct strs){words, n};
}

err_t act_allow_for(struct act *act, enum permission permission, struct uuid patient)
{
    TRY(auth_may(&act->who, permission, act->now_us));
    TRY(patient_add(act, patient, false));
    act->own->decided = true;
    if (act->who.role == ROLE_SERVICE) return ERR_OK;

    const unsigned reach = permission_info(permission)->reach[act->who.role];
    if (reach & ANY) return ERR_OK;

    const struct guard_allow guard = {
        .patient_id = patient, .kinds = kinds_of(act->arena, reach), .site = (reach & SITE) != 0};
    guard_allow(act_tx(act), &guard);
    return ERR_OK;
}

err_t act_allow(struct act *act, struct uuid patient)
{
    return act_allow_for(act, act->own->run->may, patient);
}

err_t act_allow_none(struct act *act)
{
    act->own->decided = true;
    return ERR_OK;
}

/* ANY is not about one patient; whom its lists may show is the organisation's affair, as SITE's. */
static unsigned list_reach(const struct act *act)
{
    const enum role role = act->who.role;

    return role < ROLES ? permission_info(act->own->run->may)->reach[role] : ANY;
}

void run_guard_shown(struct act *act, struct uuid patient)
{
    const unsigned reach = list_reach(act);
    const struct guard_allow guard = {.patient_id = patient,
                                      .kinds = kinds_of(act->arena, reach),
                                      .site = (reach & (SITE | ANY)) != 0};

    guard_allow(act_tx(act), &guard);
}

static struct str kinds_text(struct arena *arena, unsigned reach)
{
    const struct strs kinds = kinds_of(arena, reach);
    struct str text = STR("");

    for (size_t i = 0; i < kinds.n; i++)
        text = arena_printf(arena, STR_FMT "%s" STR_FMT, STR_ARG(text), i ? "," : "",
                            STR_ARG(kinds.p[i]));
    return text;
}

err_t act_allow_list(struct act *act)
{
    const unsigned reach = list_reach(act);
    const struct guard_list scope = {.kinds = kinds_text(act->arena, reach),
                                     .site = (reach & (SITE | ANY)) ? STR("t") : STR("f")};

    guard_list(act_tx(act), &scope);
    act->own->decided = act->own->listed = true;
    return ERR_OK;
}

err_t consent_require(struct act *act, struct uuid patient, enum consent consent)
{
    const struct guard_consent guard = {patient, str_of(consent_word(consent))};

    guard_consent(act_tx(act), &guard);
    return ERR_OK;
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

    const struct outbox_insert row = {
        .id = uuid_v7(act->now_us),
        .topic = str_of(topic_info(topic)->name),
        .key = key,
        .kind = kind_of(message),
        .version = version,
        .payload = pb_pack(act->arena, message),
    };
    outbox_insert(act_tx(act), &row);
    act->own->emitted = true;
    return ERR_OK;
}

err_t act_step(struct act *act, const struct fsm_row *rows, const char *event, struct fsm_step *ret)
{
    const unsigned role = act->who.role == ROLE_SERVICE ? FSM_SERVICE : (unsigned)act->who.role;

    return fsm_step(rows, event, role, ret);
}
