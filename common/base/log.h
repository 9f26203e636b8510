/*
 * log - one JSON line a record on stderr: time, level, service, event, act, fields.
 *
 * Library code logs faults only (through err_raise()); programs log what an operator acts on.
 * Fields are typed and there is no way to log a PHI-marked value: callers pass ids, counts,
 * enum words and durations. Text is escaped, so a line is always one line of valid JSON.
 *
 * Threads  any; a line is one write().
 */
#pragma once

#include "common/base/str.h"
#include "common/base/uuid.h"

#include <stdarg.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_FAULT };

void log_open(const char *service, enum log_level least);

/* The act that this thread works for; nil when none. err_raise() adds it to its line. */
void log_act(struct uuid act);

/* @event is a fixed lower-case word ("started"); @fmt is for operators and holds no PHI. */
void log_line(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* For err_raise_at(), which is the only caller. */
void log_fault(const char *fault, const char *file, int line, const char *fmt, va_list args)
    __attribute__((format(printf, 4, 0)));
