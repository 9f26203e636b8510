/* Keys, for operators: the people are known here, and keyd knows access. */
#include "services/access/access.h"

#include "common/app/run.h"
#include "common/io/keys.h"

struct renewal {
    struct uuid org, patient;
    struct str domain;
};

/* clang-format off */
static const struct field renewal_fields[] = {
    {"org", UUID, offsetof(struct renewal, org), REQUIRED},
    {"patient", UUID, offsetof(struct renewal, patient), 0},
    {"domain", TEXT, offsetof(struct renewal, domain), 0, 1, 32},
    {0},
};
static const struct shape renewal_shape = {"KeysToRenew", sizeof(struct renewal), renewal_fields};
/* clang-format on */

static err_t pass(struct act *act, const char *path, struct str json, const struct shape *shape,
                  void *row)
{
    struct bytes answer;

    TRY(keys_manage(run_keys(), path, json, act->arena, &answer));
    if (json_decode_lenient(shape, answer, act->arena, row, NULL) != ERR_OK)
        return err_raise(ERR_INTERNAL, "keyd answered with something else");
    return act_reply(act, 200, shape, row);
}

/* The key above all others is the installation's: who operates it turns it, not each organisation
 * that it serves. */
static err_t operator_check(struct act *act)
{
    const struct access_settings *const settings = service_settings();
    struct tally known;

    return operator_is(act, &(struct operator_is){settings->operator_org}, &known);
}

/* GET /v1/keys */
err_t keys_read(struct act *act)
{
    struct keys_view view;

    TRY(act_allow_none(act));
    TRY(operator_check(act));
    return pass(act, "/v1/keys/status", STR("{}"), &keys_shape, &view);
}

/* POST /v1/keys/rotate */
err_t keys_rotate(struct act *act)
{
    struct keys_view view;

    TRY(act_allow_none(act));
    TRY(operator_check(act));
    return pass(act, "/v1/keys/rotate", STR("{}"), &keys_shape, &view);
}

/* POST /v1/keys/renew: of a patient; without one, of the organisation's staff and search. Those by
 * which every service chains what it logs (`mac`) are the installation's. */
err_t keys_renew(struct act *act)
{
    const struct renew_ask *in = act->in;
    const struct renewal ask = {act->org, in->patient_id, in->domain};
    struct renewed_view view;

    TRY(uuid_is_nil(in->patient_id) ? act_allow_none(act) : act_allow(act, in->patient_id));
    if (str_is(in->domain, "mac")) TRY(operator_check(act));
    /* The log's keys are no patient's: keyd finds fault with nothing else. */
    return act_at(act, "/patient_id",
                  pass(act, "/v1/keys/renew", json_encode(act->arena, &renewal_shape, &ask),
                       &renewed_view_shape, &view));
}
