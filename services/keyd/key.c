#include "common/base/secret.h"
#include "services/keyd/keyd.h"
#include "services/keyd/sql.h"

err_t key_about(struct act *act, struct uuid org, struct uuid patient)
{
    act_enter(act, org);
    return uuid_is_nil(patient) ? act_allow_none(act) : act_allow(act, patient);
}

static err_t key_answer(struct act *act, const struct dek_name *name, const struct dek_row *dek)
{
    uint8_t *key = arena_alloc(act->arena, AEAD_KEY_BYTES);
    const struct key_answer answer = {name->id, bytes_of(key, AEAD_KEY_BYTES)};

    TRY(kek->unwrap(dek->kek, name, dek->wrapped, key));
    act_resource(act, name->id, 1);
    return act_reply(act, 200, &key_shape, &answer);
}

static err_t key_make(struct act *act, struct uuid patient, struct str domain, struct dek_row *ret)
{
    const struct uuid id = uuid_v4();
    const struct dek_name name = {act->org, patient, id, domain};
    const struct dek_lock lock = {patient};
    const struct dek_made_by_another other = {patient, domain};
    uint8_t *key = arena_alloc(act->arena, AEAD_KEY_BYTES);
    struct dek_insert new = {.patient = patient, .domain = domain, .id = id};
    struct kek_version current;
    bool made = false;

    dek_lock(act, &lock);
    TRY(kek_current(act, &current));
    secret_random(key, AEAD_KEY_BYTES);
    TRY(kek->wrap(act->arena, current.version, &name, key, &new.wrapped));
    new.kek = current.version;
    TRY(dek_insert(act, &new, ret, &made));
    return made ? ERR_OK : dek_made_by_another(act, &other, ret);
}

err_t key_current(struct act *act, struct uuid patient, struct str domain, struct dek_row *ret)
{
    const struct dek_to_seal current = {patient, domain};
    bool found = false;

    TRY(dek_to_seal(act, &current, ret, &found));
    return found ? ERR_OK : key_make(act, patient, domain, ret);
}

/* POST /v1/keys/seal: the current key of (org, patient, domain); made if there is none. */
err_t key_seal(struct act *act)
{
    const struct seal_ask *in = act->in;
    struct dek_row dek;

    TRY(key_about(act, in->org, in->patient));
    TRY(domain_may(act->who.service, USE_SEAL, in->domain, in->patient));
    TRY(key_current(act, in->patient, in->domain, &dek));
    const struct dek_name name = {in->org, in->patient, dek.id, in->domain};
    return key_answer(act, &name, &dek);
}

/* POST /v1/keys/open: that key and no other. */
err_t key_open(struct act *act)
{
    const struct open_ask *in = act->in;
    const struct dek_to_open asked = {in->patient, in->domain, in->dek_id};
    const struct dek_name name = {in->org, in->patient, in->dek_id, in->domain};
    struct dek_row dek;

    TRY(key_about(act, in->org, in->patient));
    TRY(domain_may(act->who.service, USE_OPEN, in->domain, in->patient));
    TRY(dek_to_open(act, &asked, &dek));
    return key_answer(act, &name, &dek);
}

err_t keys_manager(const struct act *act)
{
    const char *service = act->who.service;

    return service && strcmp(service, "access") == 0 ? ERR_OK : ERR_FORBIDDEN;
}

/* POST /v1/keys/destroy_shard: what audit has had approved; again is fine. */
err_t key_destroy_shard(struct act *act)
{
    const struct destroy_shard_ask *in = act->in;
    const char *const service = act->who.service;
    struct dek_count count;

    TRY(key_about(act, in->org, in->shard));
    if (!service || strcmp(service, "audit") != 0) return ERR_FORBIDDEN;
    if (uuid_is_nil(in->shard)) return act_at(act, "/shard", ERR_UNPROCESSABLE);
    dek_lock(act, &(struct dek_lock){in->shard});
    TRY(dek_shard_destroy(act, &(struct dek_shard_destroy){in->shard}, &count));
    const struct destroy_answer answer = {.destroyed = count.n};
    return act_reply(act, 200, &destroyed_shape, &answer);
}
