#include "services/appointments/appointments.h"

#include "common/base/clock.h"

#define PASS_TTL_US (15 * MINUTE_US)

static struct signer *signer;

err_t pass_start(void)
{
    const struct appointments_settings *const settings = service_settings();

    signer = signer_new(settings->signing_key, settings->common.appointments_public);
    return signer ? ERR_OK : err_raise(ERR_UNAVAILABLE, "the key that signs passes cannot be used");
}

struct str pass_of(struct act *act, const struct pass *pass)
{
    struct pass whole = *pass;

    whole.org = act->org;
    whole.issued_at_us = act->now_us;
    whole.expires_at_us = act->now_us + PASS_TTL_US;
    return pass_mint(act->arena, signer, &whole);
}

struct str pass_of_visit(struct act *act, const struct appointment *row)
{
    const struct pass pass = {
        .visit = row->id, .patient = row->patient_id, .provider = row->provider_id,
        .version = row->version, .labels = row->labels, .state = row->state,
        .starts_at_us = row->starts_at_us, .ends_at_us = row->ends_at_us,
    };

    return pass_of(act, &pass);
}
