/*
 * notifications - says by mail that something has happened, and never what.
 *
 * Events and the reminder timer write deliveries; the effects thread (post.c) takes one after the
 * other: claimed and committed, sent, closed and committed. Texts come from texts.def and hold
 * nothing of anybody: no name, no time, no reason.
 *
 * Threads  handlers on any worker or the consumer; post_office() on the effects thread alone.
 */
#pragma once

#include "common/app/service.h"
#include "services/notifications/sql.h"

struct notifications_settings {
    struct common_settings common;
    const char *smtp, *mail_from, *portal;
};

struct delivery_query {
    struct str cursor;
    int64_t limit;
};

extern const struct shape delivery_query_shape, delivery_shape;

/* ---- tables ---- */

extern const struct route notifications_routes[];
extern const struct hears notifications_hears[];
extern const struct timer notifications_timers[];
extern const struct states notifications_states[];
extern const struct fsm_row delivery_states[];

/* ---- handlers ---- */

handler visit_booked, visit_moved, visit_cancelled, visit_over, prescription_sent, invoice_issued;
handler glass_broken, glass_overdue, alarm_raised;
handler relation_opened, reminder_send;
handler delivery_list;

/* ---- texts ---- */

struct text {
    const char *template, *language; /* language: the first part of a BCP 47 tag */
    const char *subject, *body;
};

/* In @language, else in English; NULL when there is no such template. */
const struct text *text_find(struct str template, struct str language);

/* ---- one mail ---- */

#define MAIL_ADDRESS_BYTES_MAX 254 /* RFC 5321 */

enum mail_result {
    MAIL_SENT,    /* the server has taken it over */
    MAIL_LATER,   /* not now, or nobody knows */
    MAIL_REFUSED, /* for good */
};

struct mail {
    struct uuid id;                       /* the delivery's: its Message-ID */
    char to[MAIL_ADDRESS_BYTES_MAX + 1];  /* PHI: wiped after use; "" when there is nobody yet */
    const struct text *text;
};

/* Exactly one mailbox, of the harmless ASCII that can stand in a header and in an envelope. */
bool mail_address_ok(struct str address);
/* The whole message: headers and body, quoted-printable, lines end in CRLF. */
struct str mail_print(struct arena *arena, const struct notifications_settings *settings,
                      const struct mail *mail, int64_t now_us);
enum mail_result mail_send(const struct notifications_settings *settings, const struct mail *mail);
err_t mail_start(void); /* refuses settings that no mail can leave with */

/* ---- the post office: body of the effects thread ---- */

void post_office(void);
