/*
 * backlog - how much room audit rows still have, and so which acts may begin.
 *
 * A row stays with its service until the log has it. So a log that takes none fills the disks of
 * those who write, and a log whose own disk fills up takes none. What counts is the fuller of the
 * two: the rows that wait here, of `audit_rows_max`; and the log's disk, as its receipts tell. When
 * none has come for a minute only the rows count: a log that is away stops nobody's work.
 *
 * From 80 % on acts of class BULK are refused (audit.def), from 95 % on DAILY ones too, before they
 * begin and without a row. URGENT ones go on to the end, where their own INSERT fails and nothing
 * is told. Nothing is ever dropped. The suite's own acts (events, timers, effects, what services
 * ask of each other) are never refused: they finish what was acknowledged.
 *
 * Threads  any.
 * Errors   ERR_AUDIT_FULL is a plain answer, as ERR_BUSY is. What cannot be measured is as it was.
 */
#pragma once

#include "common/app/audit.h"
#include "common/base/arena.h"

struct db;

#define BACKLOG_BULK_PERCENT 80  /* docs/architecture.md */
#define BACKLOG_DAILY_PERCENT 95

void backlog_init(int64_t rows_max);
/* Once a second. @log_percent: of the log's disk. */
void backlog_measure(struct db *db, unsigned log_percent);
/* May an act of this word begin? */
err_t backlog_admit(enum audit_action action);
/* For operators: {"used_percent":n,"waiting":n,"refused":"bulk"}. */
struct str backlog_print(struct arena *arena);

/* Does a class wait when so much is used? */
bool backlog_refuses(enum audit_class class, int64_t percent);
