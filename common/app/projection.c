/*
 * What every service hears: who is who, who stands how to whom, who has consented to what; and the
 * revocation feed. access owns the first three itself and hears only the last.
 */
#include "common/app/projection.h"
#include "common/app/session.h"
#include "common/app/sql.h"
#include "common/io/keys.h"

static struct str text_or_none(const char *text)
{
    return text && *text ? str_of(text) : STR_NONE;
}

/* Ids that stand one behind the other. */
static struct uuids ids_of(struct arena *arena, ProtobufCBinaryData from)
{
    struct uuid *ids = ARENA_ARRAY(arena, struct uuid, from.len / sizeof *ids + 1);

    if (from.len) memcpy(ids, from.data, from.len / sizeof *ids * sizeof *ids);
    return (struct uuids){ids, from.len / sizeof *ids};
}

static err_t person_heard(struct act *act)
{
    const Telecura__V1__PersonEvent *ev = act->in;
    const struct member_upsert row = {
        .id = act->event->key,
        .person = pb_to_uuid(ev->person),
        .role = str_of(ev->role),
        .state = str_of(ev->state),
        .issuer = text_or_none(ev->issuer),
        .subject = text_or_none(ev->subject),
        .patient_id = pb_to_uuid(ev->patient),
        .language = str_of(*ev->language ? ev->language : "en"),
        .sealed = ev->sealed.len ? pb_to_bytes(ev->sealed) : BYTES_NONE,
        .behind = ids_of(act->arena, ev->behind),
        .version = act->event->version,
        .epoch = act->event->epoch,
    };
    member_upsert(act_tx(act), &row); /* actors are forgotten when it has committed */
    return ERR_OK;
}

static err_t relation_heard(struct act *act)
{
    const Telecura__V1__RelationEvent *ev = act->in;
    const struct relation_upsert row = {
        .id = act->event->key,
        .person = pb_to_uuid(ev->person),
        .patient_id = pb_to_uuid(ev->patient),
        .kind = str_of(ev->relation),
        .starts_at_us = ev->starts_at_us,
        .ends_at_us = ev->ends_at_us,
        .version = act->event->version,
        .epoch = act->event->epoch,
    };
    relation_upsert(act_tx(act), &row);
    return ERR_OK;
}

static err_t consent_heard(struct act *act)
{
    const Telecura__V1__ConsentEvent *ev = act->in;
    const struct consent_upsert row = {
        .id = act->event->key,
        .patient_id = pb_to_uuid(ev->patient),
        .scope = str_of(ev->scope),
        .state = str_of(ev->state),
        .starts_at_us = ev->starts_at_us,
        .ends_at_us = ev->ends_at_us,
        .document_version = ev->document_version,
        .recipient = pb_to_uuid(ev->recipient),
        .purpose = text_or_none(ev->purpose),
        .version = act->event->version,
        .epoch = act->event->epoch,
    };
    consent_upsert(act_tx(act), &row);
    return ERR_OK;
}

static void revocation_heard(const struct event *event)
{
    const Telecura__V1__RevocationEvent *ev = (const void *)event->message;

    revoked_hear(event);
    if (!ev) return;
    if (ev->kind == KIND_OF(REVOCATION, MEMBER_CHANGED) ||
        ev->kind == KIND_OF(REVOCATION, PERSON_DISABLED))
        auth_forget();
    if (ev->kind == KIND_OF(REVOCATION, ERASED) && run_keys())
        keys_drop(run_keys(), pb_to_uuid(ev->patient));
    session_revoke();
}

const struct hears projection_hears[] = {
    {TOPIC_PEOPLE, EFFECT, 0, person_heard},
    {TOPIC_RELATIONS, EFFECT, 0, relation_heard},
    {TOPIC_CONSENTS, EFFECT, 0, consent_heard},
    {0},
};

const struct hears revocation_hears[] = {
    {TOPIC_REVOCATIONS, WATCH, 0, NULL, revocation_heard},
    {0},
};
