/*
 * Who has fallen silent (`silent`: no heartbeat of it was believed for silent_s), and whose records
 * stay away though its heartbeats tell of them (`behind`: for as long). Each is an incident, once;
 * it ends with the next heartbeat, or with the record that was missed. A step of the sequencer's
 * thread, whose lease makes it the only one.
 *
 * Only what is missed while somebody listens counts: after a start, a taken lease, a frozen process
 * or a clock that was moved, everybody has silent_s again. What the other end has told meanwhile
 * waits in Kafka.
 */
#include "services/audit/unheard.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/io/metrics.h"
#include "common/io/sql.h"
#include "services/audit/writer.h"

#define LOOK_US SECOND_US
#define DEAF_US (30 * SECOND_US) /* without a look: more than any step of a log takes */

static struct {
    int64_t epoch;             /* of the lease under which it looks */
    int64_t since_us, last_us; /* it has looked all the time since; the last look */
} watch;

static struct metric silent = {.name = "audit_unheard", .labels = "kind=\"silent\""};
static struct metric behind = {.name = "audit_unheard", .labels = "kind=\"behind\""};
static struct metric watched = {.name = "audit_watched_seconds", .labels = ""};

static int64_t patience_us(void)
{
    const struct audit_settings *const settings = service_settings();

    return settings->silent_s * SECOND_US;
}

struct missed {
    const struct unheard_producer *row;
    int64_t before_us;
};

static err_t missed_tell(struct act *act)
{
    const struct missed *const missed = act->in;
    const struct unheard_producer *const row = missed->row;
    const struct unheard_insert new = {
        .id = uuid_v7(act->now_us),
        .producer = row->producer,
        .kind = row->kind,
        .before_us = missed->before_us,
    };
    char since[CLOCK_TEXT + 1];
    struct incident_seen seen;
    bool told = false;

    producer_hold(act, &(struct producer_hold){row->producer});
    TRY(unheard_insert(act, &new, &seen, &told));
    if (!told) return ERR_OK;
    incident_count();
    log_line(LOG_FAULT, "audit_incident",
             STR_FMT " in the log of %s, " STR_FMT "'s number %lld, since %s", STR_ARG(row->kind),
             UUID_ARG(act->org), STR_ARG(row->producer), (long long)row->seq,
             clock_format(row->since_us, since));
    return ERR_OK;
}

static err_t unheard_list(int64_t before_us, struct unheard_producer_rows *ret,
                          struct unheard_count *ret_open)
{
    const struct tx_frame frame = writer_frame(UUID_NIL);
    struct tx *const tx = tx_begin(writer.db, &frame);
    struct rows rows = {NULL, 0};
    err_t err = tx_one(tx, &unheard_open_stmt, NULL, ret_open);

    if (err == ERR_OK)
        err = tx_many(tx, &producers_unheard_stmt, &(struct producers_unheard){before_us}, &rows);
    tx_rollback(tx);
    *ret = (struct unheard_producer_rows){rows.p, rows.n};
    return err;
}

static void show(struct metric *metric, int64_t value)
{
    metrics_add(metric);
    atomic_store(&metric->value, value);
}

err_t unheard_look(void)
{
    const int64_t now_us = clock_now_us(), passed_us = now_us - watch.last_us;
    struct unheard_producer_rows rows;
    struct unheard_count open;

    if (watch.epoch != writer.epoch || passed_us < 0 || passed_us > DEAF_US) {
        watch.since_us = now_us;
    } else if (passed_us < LOOK_US) {
        return ERR_OK;
    }
    watch.epoch = writer.epoch;
    watch.last_us = now_us;
    const int64_t before_us = now_us - patience_us();
    const bool is_told = watch.since_us <= before_us;
    TRY(unheard_list(is_told ? before_us : 0, &rows, &open));
    for (size_t i = 0; i < rows.n; i++) {
        const struct missed missed = {&rows.p[i], before_us};
        TRY(service_act(writer.db, rows.p[i].org, AUDIT_NONE, missed_tell, &missed));
    }
    show(&silent, open.silent);
    show(&behind, open.behind);
    show(&watched, (now_us - watch.since_us) / SECOND_US);
    return ERR_OK;
}
