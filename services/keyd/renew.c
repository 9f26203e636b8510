/*
 * Renewing data keys: the former one only opens; each service in whose rows it may stand seals them
 * anew and says when none is left, twice: as soon as it is so, and again after the grace, when no
 * cache can have sealed anything more under it. When all have said so, the key goes.
 *
 * The log's keys are renewed without that: the former open for as long as there is the log.
 *
 * What holds if anybody dies: a row of dek_rest stands until its service has said so after the
 * grace, and what it says is what it has just found in its tables.
 */
#include "services/keyd/keyd.h"
#include "services/keyd/sql.h"

#include "common/io/leaf.h"

/* One row of dek_rest for each service that @domain names. */
static void rests_insert(struct act *act, const struct renew_ask *in,
                         const struct dek_former *former)
{
    struct str rests = domain_rests(former->domain), service;

    while (str_next(&rests, ' ', &service)) {
        const struct dek_rest_insert row = {in->patient, former->domain, former->id, service};

        dek_rest_insert(act, &row);
    }
}

/* Keys of the log: those of an organisation's half years, or those by which every service chains
 * its records. What was said under the former is proven by it, so it goes on opening for as long as
 * the log. The audit service's own gives its index its words besides, and stays. */
static err_t log_renew(struct act *act, const struct renew_ask *in)
{
    const struct deks_renew_log renew = {in->domain, leaf_producer_id(STR("audit"))};
    struct dek_former_rows formers;

    TRY(key_about(act, str_is(in->domain, "mac") ? UUID_NIL : in->org, UUID_NIL));
    TRY(keys_manager(act));
    if (!uuid_is_nil(in->patient)) return act_at(act, "/patient", ERR_UNPROCESSABLE);
    TRY(deks_renew_log(act, &renew, &formers));
    const struct renew_answer answer = {(int64_t)formers.n};
    return act_reply(act, 200, &renew_answer_shape, &answer);
}

/* POST /v1/keys/renew: of a patient, or of staff when there is none, in one domain or in all; or
 * the log's, which nobody renews along with others. */
err_t dek_renew(struct act *act)
{
    const struct renew_ask *in = act->in;

    if (str_is(in->domain, "audit") || str_is(in->domain, "mac")) return log_renew(act, in);

    const struct deks_renew renew = {in->patient, domains_renewable(act->arena), in->domain};
    struct dek_former_rows formers;

    TRY(key_about(act, in->org, in->patient));
    TRY(keys_manager(act));
    dek_lock(act, &(struct dek_lock){in->patient});
    TRY(deks_renew(act, &renew, &formers));
    for (size_t i = 0; i < formers.n; i++) rests_insert(act, in, &formers.p[i]);
    const struct renew_answer answer = {(int64_t)formers.n};
    return act_reply(act, 200, &renew_answer_shape, &answer);
}

/* POST /v1/keys/renewed: what may still stand in the rows of who asks. */
err_t deks_renewed(struct act *act)
{
    struct dek_renewed_rows rows;

    TRY(act_allow_none(act));
    if (!act->who.service) return ERR_FORBIDDEN;
    TRY(dek_rests_of(act, &(struct dek_rests_of){str_of(act->who.service)}, &rows));
    const struct renewed_answer answer = {{rows.p, rows.n}};
    return act_reply(act, 200, &renewed_shape, &answer);
}

/* POST /v1/keys/clean: no row of who asks names it. That says nothing of a key about which they
 * were not asked, as nobody is about the log's. */
err_t dek_clean(struct act *act)
{
    const struct keyd_settings *settings = service_settings();
    const struct open_ask *in = act->in;
    struct dek_rest_clean said = {
        .patient = in->patient, .domain = in->domain, .dek_id = in->dek_id,
        .grace_s = settings->dek_grace_s,
    };
    struct dek_count said_now, gone = {0};

    TRY(key_about(act, in->org, in->patient));
    if (!domain_rests_with(in->domain, act->who.service)) return ERR_FORBIDDEN;
    said.service = str_of(act->who.service);
    act_resource(act, in->dek_id, 1);
    dek_lock(act, &(struct dek_lock){in->patient});
    TRY(dek_rest_clean(act, &said, &said_now));
    const struct dek_retire retire = {in->patient, in->domain, in->dek_id};
    if (said_now.n) TRY(dek_retire(act, &retire, &gone));
    const struct clean_answer answer = {gone.n > 0};
    return act_reply(act, 200, &clean_shape, &answer);
}
