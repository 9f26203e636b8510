/* Under which words the index knows somebody, or something. */
#include "services/audit/audit.h"

#include "common/io/keys.h"
#include "common/io/leaf.h"

err_t pseudonym_of(struct act *act, const char *what, struct str value, struct uuid *ret)
{
    const struct key_name name = {.patient = leaf_producer_id(STR("audit")), .domain = "mac"};
    struct key key;

    *ret = UUID_NIL;
    if (!value.n) return ERR_OK;
    TRY(keys_to_seal(service_keys(), &name, &key));
    const struct str about = arena_printf(act->arena, "%s " STR_FMT " in %s", what, STR_ARG(value),
                                          UUID_ARG(act->org));
    const struct hash hash = hash_hmac(bytes_of(key.secret, sizeof key.secret), str_bytes(about));
    memcpy(ret->b, hash.b, sizeof ret->b);
    return ERR_OK;
}

err_t pseudonym_of_id(struct act *act, const char *what, struct uuid id, struct uuid *ret)
{
    const struct str text = arena_printf(act->arena, "%s", UUID_ARG(id));

    return pseudonym_of(act, what, uuid_is_nil(id) ? STR_NONE : text, ret);
}

err_t index_row_of(struct act *act, const struct audit_event *event,
                   struct event_index_insert *ret)
{
    *ret = (struct event_index_insert){
        .event_id = event->id,
        .at_us = event->at_us,
        .action = event->action,
        .outcome = event->outcome,
    };
    TRY(pseudonym_of_id(act, OF_PERSON, event->actor, &ret->person));
    TRY(pseudonym_of_id(act, OF_PATIENT_ID, event->patient, &ret->patient));
    TRY(pseudonym_of_id(act, OF_THING, event->resource_id, &ret->thing));
    TRY(pseudonym_of_id(act, OF_TOKEN, event->token, &ret->token));
    TRY(pseudonym_of_id(act, OF_SIGN_IN, event->sign_in, &ret->sign_in));
    return pseudonym_of(act, OF_ADDRESS, event->remote, &ret->address);
}
