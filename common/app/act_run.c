/*
 * The life of an act, from who asks to COMMIT: run.h says what is promised.
 *
 * What holds if the process dies
 *   before COMMIT        nothing happened: change, outbox, audit and idempotency rows are one
 *                        transaction.
 *   after COMMIT         everything happened and is on record; the caller got no answer, and the
 *                        same Idempotency-Key finds the row.
 *   in a refusal's row   nothing was done and nothing was answered.
 */
#include "common/app/backlog.h"
#include "common/app/grant.h"
#include "common/app/run.h"
#include "common/app/sql.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/io/leaf.h"

#include <assert.h>
#include <pthread.h>

static const char *service_name;
static struct keys *service_key_store;

void run_set_service(const char *name, struct keys *keys)
{
    service_name = name;
    service_key_store = keys;
}

struct keys *run_keys(void)
{
    return service_key_store;
}

err_t run_mac_key(struct bytes *ret_key)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct key *key; /* of locked memory */
    static bool known;
    err_t err = ERR_OK;

    pthread_mutex_lock(&lock);
    if (!key) key = secret_alloc(sizeof *key);
    if (!known) {
        const struct key_name name = {.domain = "body",
                                      .patient = leaf_producer_id(str_of(service_name))};

        err = keys_to_seal(service_key_store, &name, key);
        known = err == ERR_OK;
    }
    pthread_mutex_unlock(&lock);

    *ret_key = bytes_of(key->secret, sizeof key->secret);
    return err;
}

/* ---- what an act leaves behind ---- */

/* "ETH,ADOL"; absent when there are none. */
static struct str labels_text(struct arena *arena, int64_t labels)
{
    struct str text = STR_NONE;

    for (enum label label = 0; label < LABELS; label++) {
        if (labels & POLICY_BIT(label))
            text = arena_printf(arena, STR_FMT "%s%s", STR_ARG(text), text.n ? "," : "",
                                label_words[label]);
    }
    return text;
}

static struct act_end audit_row(struct act *act, err_t err, const struct uuid *patient)
{
    const struct act_own *own = act->own;

    return (struct act_end){
        .id = uuid_v7(act->now_us),
        .action = str_of(audit_word(own->run->audit)),
        .outcome = err == ERR_OK ? STR("done") : STR("refused"),
        .error = err == ERR_OK ? STR_NONE : str_of(err_info(err)->code),
        .who = act->who.person,
        .role =
            str_of(act->who.role == ROLE_SERVICE && act->who.service ? act->who.service
                                                                     : role_word(act->who.role)),
        .acr = act->who.acr,
        .remote = act->remote,
        .purpose = str_of(purpose_code(policy_purpose(act->who.role, own->run->may))),
        .labels = labels_text(act->arena, own->labels),
        .request = act->request,
        .token = act->who.token,
        .sign_in = act->who.sign_in,
        .patient_id = patient ? *patient : UUID_NIL,
        .resource = str_of(own->run->resource),
        .resource_id = uuid_is_nil(own->resource) ? act->path_id : own->resource,
        .resource_version = own->resource_version,
    };
}

/* A body may be guessable, so its hash is keyed. The path's id and the version that was meant are
 * part of what was asked: the same payment of another invoice is another request. */
static err_t body_hash(struct act *act, const struct run_input *input, struct bytes *ret_hash)
{
    struct {
        struct uuid path_id;
        int64_t if_match;
    } asked = {input->path_id, input->if_match};
    struct bytes key;

    TRY(run_mac_key(&key));
    struct hash *hash = ARENA_NEW(act->arena, struct hash);
    *hash = hash_hmac_2(key, bytes_of(&asked, sizeof asked), input->body);
    *ret_hash = bytes_of(hash->b, sizeof hash->b);
    return ERR_OK;
}

/* The last event and the key of what was done go with its first audit row. */
static err_t end_fill(struct act *act, const struct run_input *input, struct act_end *row)
{
    const struct outbox_insert *event = act->own->event;

    if (event) {
        row->event = event->id;
        row->topic = event->topic;
        row->event_key = event->key;
        row->event_kind = event->kind;
        row->event_version = event->version;
        row->payload = event->payload;
    }
    if (!act->own->run->again || !input->idempotency_key.p) return ERR_OK;
    row->key = input->idempotency_key;
    row->row_id = row->resource_id;
    return body_hash(act, input, &row->body_hash);
}

/* An audit row for each patient; the first takes along what else an act leaves that is @done,
 * though it may answer a refusal. */
static err_t end_rows(struct act *act, const struct run_input *input, err_t err, bool done)
{
    const struct patient_node *at = act->own->patients;
    struct tx *tx = act_tx(act);
    bool first = true;

    do {
        struct act_end row = audit_row(act, err, at ? &at->patient : NULL);

        if (at && at->shown && done) run_guard_shown(act, at->patient);
        if (first && done) TRY(end_fill(act, input, &row));
        if (!uuid_is_nil(row.event) || row.key.p) act_end(tx, &row);
        else audit_insert(tx, &row);
        first = false;
    } while (at && (at = at->next));
    return ERR_OK;
}

/* What permissions.def says the act needs, its handler must have asked. */
static bool consents_asked(const struct act *act)
{
    const enum consent consent = permission_info(act->own->run->may)->consent;

    return act->who.role == ROLE_SERVICE || consent == CONSENT_NONE ||
           act->own->consents & POLICY_BIT(consent);
}

static err_t finish(struct act *act, const struct run_input *input)
{
    struct act_own *own = act->own;

    if (!own->decided && own->run->audit != AUDIT_NONE)
        return err_raise(ERR_INTERNAL, "%s never decided whom it is about", own->run->resource);
    if (!consents_asked(act))
        return err_raise(ERR_INTERNAL, "%s never asked for its consent", own->run->resource);
    if (own->run->audit != AUDIT_NONE) TRY(end_rows(act, input, own->refusal, true));
    else if (own->event) outbox_insert(act_tx(act), own->event);
    assert(own->run->audit != AUDIT_NONE || !own->run->again); /* its key goes with its audit row */
    if (!own->tx || own->tx_borrowed) return ERR_OK;

    struct tx *tx = own->tx;
    own->tx = NULL;
    const err_t err = tx_commit(tx);
    own->leaked = own->listed && err == ERR_NOT_FOUND; /* a guard's: a list queues nothing else */
    own->raced = tx_retryable(tx) || own->leaked;      /* a relation may have ended in between */
    if (err != ERR_OK) return err;

    if (own->forgets) auth_forget();
    run_poke_relay();
    return ERR_OK;
}

/* ---- one try ---- */

static void act_fill(struct act *act, const struct run *run, const struct run_input *input,
                     struct db *db, struct arena *arena, struct uuid id)
{
    struct act_own *own = ARENA_NEW(arena, struct act_own);
    const int64_t now_us = clock_now_us();

    *own = (struct act_own){
        .run = run, .db = db, .tx = input->tx, .tx_borrowed = input->tx != NULL, .status = 204};
    *act = (struct act){
        .id = id,
        .org = input->actor && !uuid_is_nil(input->actor->org) ? input->actor->org : input->org,
        .now_us = now_us,
        .deadline_us = input->deadline_us,
        .in = input->in,
        .path_id = input->path_id,
        .path_rest = input->path_rest,
        .if_match = input->if_match,
        .sign_in = input->sign_in,
        .remote = input->remote,
        .request = input->request,
        .event = input->event,
        .event_count = input->event_count,
        .session = input->session,
        .grant = input->grant,
        .arena = arena,
        .own = own,
    };
    act->who =
        input->actor
            ? *input->actor
            : (struct actor){.role = ROLE_SERVICE, .service = service_name, .org = input->org};
}

/* A handler may refuse while its guards still wait in the queue. Theirs is the first word, or what
 * the refusal says of a row would tell a stranger that there is one. */
static err_t first_no(struct act *act, err_t err)
{
    if (err_is_fault(err)) return err;

    const err_t guard = act_settle(act);
    return guard == ERR_OK ? err : guard;
}

/* The glass that the actor has broken holds here before it is heard of. A pass that is not sound,
 * not theirs or over opens nothing, as if there were none. */
static void emergency_take(struct act *act)
{
    const struct common_settings *const settings = service_settings();
    struct emergency it;

    if (!act->sign_in.emergency.p || act->who.role != ROLE_CLINICIAN || !act->own->db ||
        emergency_check(act->arena, settings->access_public, act->sign_in.emergency, act->now_us,
                        &it) != ERR_OK)
        return;
    if (!uuid_equal(it.org, act->org) || !uuid_equal(it.person, act->who.person)) return;

    const struct relation_of_emergency row = {
        .id = it.id,
        .patient_id = it.patient,
        .starts_at_us = it.starts_at_us < act->now_us ? it.starts_at_us : act->now_us, /* skew */
        .ends_at_us = it.ends_at_us,
    };
    relation_of_emergency(act_tx(act), &row);
}

static err_t try_once(struct act *act, const struct run_input *input)
{
    TRY(input->refused);
    TRY(auth_may(&act->who, act->own->run->may, clock_real_us()));
    emergency_take(act);
    const err_t err = act->own->run->handler(act);
    return err == ERR_OK ? finish(act, input) : first_no(act, err);
}

static bool broken_by_race(const struct act *act)
{
    return act->own->raced ||
           (act->own->tx && !act->own->tx_borrowed && tx_retryable(act->own->tx));
}

static void abandon(struct act *act)
{
    if (act->own->tx && !act->own->tx_borrowed) tx_rollback(act->own->tx);
    act->own->tx = NULL;
}

/* The refusal goes on record before it is answered; if it can't, the answer is 503. */
static err_t record_refusal(struct act *act, const struct run_input *input, err_t err)
{
    struct tx *tx = act_tx(act);

    if (act->own->run->audit != AUDIT_NONE) TRY(end_rows(act, input, err, false));
    act->own->tx = NULL;
    TRY(tx_commit(tx));
    run_poke_relay();
    return err;
}

/* Faults are logged and not audited, but for this one: whom it would have shown is on record. */
static err_t leak_record(struct act *act, const struct run_input *input, err_t err)
{
    if (err == ERR_NOT_FOUND)
        err = err_raise(ERR_NOT_VISIBLE, "%s shows patients whom its asker may not see",
                        act->own->run->resource);
    return record_refusal(act, input, err);
}

/* ---- replay: the key names what was done already ---- */

static err_t replay(struct act *act, const struct run_input *input, struct db *db,
                    bool *ret_replayed)
{
    const struct idempotency_find ask = {str_of(act->own->run->resource), input->idempotency_key};
    struct run_input again = *input;
    struct idempotency_row row;
    struct bytes hash;

    *ret_replayed = false;
    TRY(idempotency_find(act_tx(act), &ask, &row, ret_replayed));
    if (!*ret_replayed) return ERR_OK;
    abandon(act);

    TRY(body_hash(act, input, &hash));
    if (hash.n != row.body_hash.n || memcmp(hash.p, row.body_hash.p, hash.n) != 0)
        return ERR_KEY_REUSED;

    const struct run *run = act->own->run;
    again.path_id = row.row_id;
    again.idempotency_key = STR_NONE;
    again.in = NULL;
    act_fill(act, run->again, &again, db, act->arena, act->id);
    const err_t read = try_once(act, &again);
    if (read != ERR_OK) {
        abandon(act);
        return read;
    }
    act->own->status = run->again_status;
    act->own->headers[act->own->header_count++] =
        (struct http_header){"Idempotency-Replayed", STR("true")};
    return ERR_OK;
}

/* A stranger, of whom not even a token says who they are: only counted. */
static bool is_nobodys(const struct act *act)
{
    return act->who.role == ROLE_GUEST && uuid_is_nil(act->who.person) && !act->who.issuer;
}

static err_t settle_refusal(struct act *act, const struct run_input *input, struct db *db,
                            err_t err)
{
    if (act->own->run->again && input->idempotency_key.p && input->refused == ERR_OK) {
        bool replayed = false;
        const err_t found = replay(act, input, db, &replayed);

        if (err_is_fault(found) || (replayed && found == ERR_OK)) return found;
        if (replayed) err = found;
    }
    if (act->own->run->audit == AUDIT_NONE || !db || is_nobodys(act)) return err;
    if (err == ERR_CONSENT_REQUIRED && input->may_wait)
        return err; /* asked again: not the last word */

    return record_refusal(act, input, err);
}

bool run_takes(const struct actor *actor, err_t refused)
{
    const bool is_member = !uuid_is_nil(actor->org) && err_info(refused)->status != 401;

    return refused == ERR_OK || (is_member && !err_is_fault(refused));
}

/* What the suite does by itself finishes what was acknowledged: it never waits for room. */
static bool is_somebodys(const struct run_input *input)
{
    return input->actor && input->actor->role != ROLE_SERVICE;
}

/* An event makes one act, however often it is heard. What is not on record by itself is part of the
 * act that told it, which is. */
static struct uuid id_of(const struct run *run, const struct event *event)
{
    if (!event) return uuid_v7(clock_now_us());

    return run->audit == AUDIT_NONE ? event->act : event->id;
}

/* One deadline for all tries, the replay and the refusal's row: waiting counts from the asking. */
err_t run_act(const struct run *run, const struct run_input *given, struct db *db,
              struct arena *arena, struct act *act)
{
    const struct uuid id = id_of(run, given->event);
    const int64_t now_us = clock_mono_us();
    struct run_input timed = *given;
    const struct run_input *input = &timed;
    err_t err = ERR_OK;

    if (is_somebodys(given)) TRY(backlog_admit(run->audit));
    if (!timed.deadline_us) timed.deadline_us = now_us + (int64_t)run->ms * MS_US;
    if (timed.deadline_us <= now_us) return ERR_BUSY;

    log_act(id);
    if (given->tx) tx_act(given->tx, id);
    for (int tries = 1; tries <= ACT_TRIES_MAX; tries++) {
        act_fill(act, run, input, db, arena, id);
        err = try_once(act, input);
        if (err == ERR_OK || !broken_by_race(act)) break;
        abandon(act);
    }
    if (err != ERR_OK && !input->tx) {
        abandon(act);
        if (act->own->leaked)
            err = leak_record(act, input, err);
        else if (!err_is_fault(err))
            err = settle_refusal(act, input, db, err);
        abandon(act);
    }
    log_act(UUID_NIL);
    return err == ERR_OK ? act->own->refusal : err;
}
