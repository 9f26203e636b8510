/* What access tells: the whole public state of a row, with the version that it has now. */
#include "services/access/access.h"

/* Of staff alone: nothing that two must decide is decided by patients. */
static err_t behind_read(struct act *act, const struct member *row, ProtobufCBinaryData *ret)
{
    struct behind_rows rows;

    if (!uuid_is_nil(row->patient_id)) return ERR_OK;
    TRY(members_behind(act, &(struct members_behind){row->person}, &rows));
    struct uuid *ids = ARENA_ARRAY(act->arena, struct uuid, rows.n + 1);
    for (size_t i = 0; i < rows.n; i++) ids[i] = rows.p[i].person;
    *ret = pb_bytes(bytes_of(ids, rows.n * sizeof *ids));
    return ERR_OK;
}

err_t tell_member(struct act *act, const struct member *row)
{
    Telecura__V1__PersonEvent event = TELECURA__V1__PERSON_EVENT__INIT;

    TRY(behind_read(act, row, &event.behind));
    event.kind =
        str_is(row->state, "disabled") ? KIND_OF(PERSON, DISABLED) : KIND_OF(PERSON, CHANGED);
    event.person = pb_uuid(act->arena, row->person);
    event.role = pb_text(act->arena, row->role);
    event.state = pb_text(act->arena, row->state);
    event.issuer = pb_text(act->arena, row->issuer);
    event.subject = pb_text(act->arena, row->subject);
    if (!uuid_is_nil(row->patient_id)) event.patient = pb_uuid(act->arena, row->patient_id);
    event.language = pb_text(act->arena, row->language);
    event.sealed = pb_bytes(row->sealed);
    return act_emit(act, TOPIC_PEOPLE, row->id, row->version, &event.base);
}

err_t tell_relation(struct act *act, const struct relation *row)
{
    Telecura__V1__RelationEvent event = TELECURA__V1__RELATION_EVENT__INIT;

    event.kind = row->ends_at_us && row->ends_at_us <= act->now_us ? KIND_OF(RELATION, CLOSED)
                                                                    : KIND_OF(RELATION, OPENED);
    event.person = pb_uuid(act->arena, row->person);
    event.patient = pb_uuid(act->arena, row->patient_id);
    event.relation = pb_text(act->arena, row->kind);
    event.starts_at_us = row->starts_at_us;
    event.ends_at_us = row->ends_at_us;
    return act_emit(act, TOPIC_RELATIONS, row->id, row->version, &event.base);
}

err_t tell_removal(struct act *act, const struct removal *row)
{
    Telecura__V1__RemovalEvent event = TELECURA__V1__REMOVAL_EVENT__INIT;

    event.kind = row->readmitted_at_us ? KIND_OF(REMOVAL, READMITTED) : KIND_OF(REMOVAL, REMOVED);
    event.visit = pb_uuid(act->arena, row->visit_id);
    event.person = pb_uuid(act->arena, row->person);
    return act_emit(act, TOPIC_REMOVALS, row->id, row->version, &event.base);
}

static Telecura__V1__ConsentEvent__Kind consent_kind(struct str state)
{
    if (str_is(state, "revoked")) return KIND_OF(CONSENT, REVOKED);
    if (str_is(state, "expired")) return KIND_OF(CONSENT, EXPIRED);
    return KIND_OF(CONSENT, GIVEN);
}

err_t tell_consent(struct act *act, const struct consent_row *row)
{
    Telecura__V1__ConsentEvent event = TELECURA__V1__CONSENT_EVENT__INIT;

    event.kind = consent_kind(row->state);
    event.patient = pb_uuid(act->arena, row->patient_id);
    event.scope = pb_text(act->arena, row->scope);
    event.state = pb_text(act->arena, row->state);
    event.starts_at_us = row->starts_at_us;
    event.ends_at_us = row->ends_at_us;
    event.document_version = row->document_version;
    if (!uuid_is_nil(row->recipient)) event.recipient = pb_uuid(act->arena, row->recipient);
    event.purpose = pb_text(act->arena, row->purpose);
    return act_emit(act, TOPIC_CONSENTS, row->id, row->version, &event.base);
}

err_t tell_emergency(struct act *act, const struct glass *row,
                     Telecura__V1__EmergencyEvent__Kind kind)
{
    Telecura__V1__EmergencyEvent event = TELECURA__V1__EMERGENCY_EVENT__INIT;

    event.kind = kind;
    event.patient = pb_uuid(act->arena, row->patient_id);
    event.person = pb_uuid(act->arena, row->person);
    event.reason = pb_text(act->arena, row->reason);
    event.state = pb_text(act->arena, row->state);
    event.opened_at_us = row->opened_at_us;
    event.ends_at_us = row->ends_at_us;
    return act_emit(act, TOPIC_EMERGENCIES, row->id, row->version, &event.base);
}

/* ---- the feed that every replica holds in memory ---- */

static err_t tell_person(struct act *act, struct uuid person, int64_t version,
                         Telecura__V1__RevocationEvent__Kind kind)
{
    Telecura__V1__RevocationEvent event = TELECURA__V1__REVOCATION_EVENT__INIT;

    event.kind = kind;
    event.person = pb_uuid(act->arena, person);
    return act_emit(act, TOPIC_REVOCATIONS, person, version, &event.base);
}

err_t tell_person_disabled(struct act *act, const struct member *row)
{
    return tell_person(act, row->person, row->version, KIND_OF(REVOCATION, PERSON_DISABLED));
}

err_t tell_member_changed(struct act *act, const struct member *row)
{
    return tell_person(act, row->person, row->version, KIND_OF(REVOCATION, MEMBER_CHANGED));
}

/* Who came by a link is a person of that visit alone. */
err_t tell_guest_ended(struct act *act, struct uuid guest, int64_t version)
{
    return tell_person(act, guest, version, KIND_OF(REVOCATION, PERSON_DISABLED));
}

err_t tell_consent_over(struct act *act, const struct consent_row *row)
{
    const bool expired = str_is(row->state, "expired");
    Telecura__V1__RevocationEvent event = TELECURA__V1__REVOCATION_EVENT__INIT;

    event.kind =
        expired ? KIND_OF(REVOCATION, CONSENT_EXPIRED) : KIND_OF(REVOCATION, CONSENT_REVOKED);
    event.patient = pb_uuid(act->arena, row->patient_id);
    event.scope = pb_text(act->arena, row->scope);
    return act_emit(act, TOPIC_REVOCATIONS, row->patient_id, row->version, &event.base);
}

err_t tell_grant_revoked(struct act *act, struct uuid grant, int64_t version)
{
    Telecura__V1__RevocationEvent event = TELECURA__V1__REVOCATION_EVENT__INIT;

    event.kind = KIND_OF(REVOCATION, GRANT_REVOKED);
    event.grant = pb_uuid(act->arena, grant);
    return act_emit(act, TOPIC_REVOCATIONS, grant, version, &event.base);
}

err_t tell_grants_revoked(struct act *act, const struct ended_grant_rows *grants)
{
    for (size_t i = 0; i < grants->n; i++)
        TRY(tell_grant_revoked(act, grants->p[i].id, grants->p[i].version));
    return ERR_OK;
}

err_t tell_visit_closed(struct act *act, struct uuid visit, int64_t version)
{
    Telecura__V1__RevocationEvent event = TELECURA__V1__REVOCATION_EVENT__INIT;

    event.kind = KIND_OF(REVOCATION, VISIT_CLOSED);
    event.visit = pb_uuid(act->arena, visit);
    return act_emit(act, TOPIC_REVOCATIONS, visit, version, &event.base);
}

err_t tell_erased(struct act *act, struct uuid patient, int64_t version)
{
    Telecura__V1__RevocationEvent event = TELECURA__V1__REVOCATION_EVENT__INIT;

    event.kind = KIND_OF(REVOCATION, ERASED);
    event.patient = pb_uuid(act->arena, patient);
    return act_emit(act, TOPIC_REVOCATIONS, patient, version, &event.base);
}
