/*
 * The post office: one delivery after the other, each in three steps.
 *
 *   take   the row becomes `sending`, for as long as the lease; committed
 *   send   by SMTP, outside any transaction
 *   close  the row becomes `sent`, with audit row and event; committed
 *
 * If the process dies before or in the middle of a send, whoever finds the lease over sends it. If
 * it dies between the server's "250" and the commit of close, nobody can know: SMTP has no
 * question for it. The mail then goes out once more under the same Message-ID, which is the id of
 * the delivery, by which mail stores know it as the same mail. Nothing is ever lost, and never do
 * two mails of different ids say the same.
 */
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "services/notifications/notifications.h"

#define LEASE_US (30 * SECOND_US) /* longer than a send can take */
#define IDLE_MS 1000
#define PAGE 50         /* of deliveries_due */
#define ATTEMPTS_MAX 30 /* about a day */
#define PAUSE_US_MAX HOUR_US

struct post { /* one delivery on its way */
    struct uuid id;
    int64_t version;
    int32_t attempts;
    bool lost; /* its address can never be read again */
    struct mail mail;
};

struct closing {
    const struct post *post;
    const char *event;
    int64_t due_at_us;
    Telecura__V1__DeliveryEvent__Kind kind; /* UNSPECIFIED: not over yet */
};

/* ---- take ---- */

/* Leaves the mail without address where nobody is known yet, or nobody can be. */
static err_t address_read(struct act *act, const struct delivery_found *row, struct post *post)
{
    struct unseal item = {
        .patient = row->member_patient,
        .row = row->member_id,
        .kind = KIND_PERSON,
        .sealed = row->sealed,
        .version = 1, /* access seals a person once */
    };

    if (uuid_is_nil(row->member_id)) return ERR_OK;

    const err_t err = act_unseal(act, &item, 1);
    post->lost = err == ERR_NOT_FOUND || err == ERR_CORRUPT;
    if (err != ERR_OK) return post->lost ? ERR_OK : err;

    const Telecura__V1__PersonPhi *const phi = (const Telecura__V1__PersonPhi *)item.message;
    const struct str email = str_of(phi->email);
    if (mail_address_ok(email)) memcpy(post->mail.to, email.p, email.n);
    return ERR_OK;
}

static err_t post_take(struct act *act)
{
    struct post *const *const in = act->in;
    struct post *const post = *in;
    struct fsm_step step;
    struct delivery_found row;
    struct delivery_taken taken;

    TRY(act_step(act, delivery_states, "take", &step));
    TRY(delivery_open(act, &(struct delivery_open){.id = post->id}, &row));
    TRY(address_read(act, &row, post));
    const struct delivery_take take = {
        .id = row.id,
        .version = row.version,
        .person = row.person,
        .state = step.to,
        .from = {step.from, step.n},
        .lease_us = act->now_us + LEASE_US,
    };
    TRY(delivery_take(act, &take, &taken));
    post->version = taken.version;
    post->attempts = row.attempts + 1;
    post->mail.id = row.id;
    post->mail.text = text_find(row.template, row.language);
    return ERR_OK;
}

/* ---- close ---- */

static err_t post_close(struct act *act)
{
    const struct closing *in = act->in;
    struct fsm_step step;
    struct delivery_closed row;

    TRY(act_step(act, delivery_states, in->event, &step));
    const bool sent = in->kind == KIND_OF(DELIVERY, SENT);
    const struct delivery_close close = {
        .id = in->post->id,
        .version = in->post->version,
        .state = step.to,
        .from = {step.from, step.n},
        .due_at_us = in->due_at_us,
        .sent_at_us = sent ? act->now_us : 0,
    };
    TRY(delivery_close(act, &close, &row));
    TRY(act_allow(act, row.patient_id));
    act_resource(act, row.id, row.version);
    if (in->kind == KIND_OF(DELIVERY, UNSPECIFIED)) return ERR_OK;

    Telecura__V1__DeliveryEvent event = TELECURA__V1__DELIVERY_EVENT__INIT;
    event.kind = in->kind;
    event.person = pb_uuid(act->arena, row.person);
    event.template_ = pb_text(act->arena, row.template);
    return act_emit(act, TOPIC_DELIVERIES, row.id, row.version, &event.base);
}

static int64_t pause_us(int32_t attempts)
{
    const int64_t pause = attempts < 12 ? (5 * SECOND_US) << attempts : PAUSE_US_MAX;

    return pause < PAUSE_US_MAX ? pause : PAUSE_US_MAX;
}

static struct closing closing_of(const struct post *post, enum mail_result result)
{
    const int64_t now_us = clock_now_us();

    if (result == MAIL_SENT)
        return (struct closing){post, "close", now_us, KIND_OF(DELIVERY, SENT)};
    if (result == MAIL_REFUSED || post->attempts >= ATTEMPTS_MAX)
        return (struct closing){post, "give_up", now_us,
                                KIND_OF(DELIVERY, FAILED)};
    return (struct closing){post, "put_off", now_us + pause_us(post->attempts),
                            KIND_OF(DELIVERY, UNSPECIFIED)};
}

/* ---- one after the other ---- */

static enum mail_result post_send(const struct notifications_settings *settings,
                                  const struct post *post)
{
    if (post->lost) return MAIL_REFUSED;
    if (!*post->mail.to) return MAIL_LATER;
    return mail_send(settings, &post->mail);
}

/* What was sent is put on record, however long PostgreSQL is away. */
static void post_record(struct db *db, struct uuid org, const struct closing *closing)
{
    const bool sent = closing->kind == KIND_OF(DELIVERY, SENT);
    const enum audit_action audit = sent ? AUDIT_NOTIFICATION_SENT : AUDIT_NONE;

    while (err_is_fault(service_act(db, org, audit, post_close, closing)) && !service_stopping())
        service_wait(IDLE_MS);
}

/* False when it could not even be taken: no use to go on at once. */
static bool deliver(struct db *db, const struct delivery_due *due)
{
    struct post post = {.id = due->id};
    struct post *const in = &post;

    if (service_act(db, due->org, AUDIT_NONE, post_take, &in) != ERR_OK) return false;

    const struct closing closing = closing_of(&post, post_send(service_settings(), &post));
    secret_wipe(&post.mail, sizeof post.mail);
    post_record(db, due->org, &closing);
    return true;
}

static err_t due_read(struct db *db, struct arena *arena, struct rows *ret_due)
{
    const struct tx_frame frame = {
        .now_us = clock_now_us(),
        .arena = arena,
        .deadline_us = clock_mono_us() + 10 * SECOND_US,
    };
    struct tx *tx = tx_begin(db, &frame);
    const err_t err = tx_many(tx, &deliveries_due_stmt, NULL, ret_due);

    tx_rollback(tx);
    return err;
}

void post_office(void)
{
    const struct notifications_settings *settings = service_settings();
    struct db *db = db_new(settings->common.db, "notifications");
    struct arena *arena = arena_new(1024 * 1024);

    while (!service_stopping()) {
        struct rows due = {NULL, 0};
        bool more = due_read(db, arena, &due) == ERR_OK && due.n == PAGE;

        for (size_t i = 0; i < due.n && !service_stopping(); i++)
            more = deliver(db, (const struct delivery_due *)due.p + i) && more;
        arena_reset(arena);
        if (!more) service_wait(IDLE_MS);
    }
    arena_free(arena);
    db_free(db);
}
