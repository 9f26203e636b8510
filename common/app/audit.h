/*
 * audit - the words of audit.def and the row that every act leaves.
 *
 * Rows are written by the act's own transaction (act_run.c), relayed, sealed and logged by the
 * service audit. A row carries plain ids only; what it was about stays sealed where it lives.
 *
 * Threads  any.
 * Errors   none: an action outside the table is our bug.
 */
#pragma once

#include "common/base/err.h"

enum audit_action {
#define AUDIT(name, word, class) AUDIT_##name,
#include "common/app/audit.def"
#undef AUDIT
    AUDIT_ACTIONS,
};

/* Which acts wait first when the room for audit rows runs out. */
enum audit_class { URGENT, DAILY, BULK };

const char *audit_word(enum audit_action action);
enum audit_class audit_class(enum audit_action action);
