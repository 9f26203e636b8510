/*
 * loop - the one libevent loop of a process and the ways into it from other threads.
 *
 * The loop accepts, parses, holds WebSockets, timers and signals; it never waits and never talks
 * to PostgreSQL. Other threads hand it work with loop_post(). A watchdog thread ends the process
 * when a turn takes too long. Whatever libevent buffers is wiped when freed. loop_free() runs what
 * is still posted; nothing may post after it.
 *
 * Threads  loop_post() any; all else the loop thread only.
 */
#pragma once

#include "common/base/str.h"

#include <event2/event.h>

struct loop;

struct loop *loop_new(void);
struct loop *loop_free(struct loop *loop);
struct event_base *loop_base(struct loop *loop);
/* Once, until loop_stop(); 0. A turn of more than @turn_ms_max ends the process. */
int loop_run(struct loop *loop, unsigned turn_ms_max);
void loop_stop(struct loop *loop); /* after the present turn */

/* Runs fn(user) on the loop thread, in order of posting. Wakes it only when it was idle. */
void loop_post(struct loop *loop, void (*fn)(void *), void *user);
/* Every @every_ms on the loop thread. */
void loop_every(struct loop *loop, unsigned every_ms, void (*fn)(void *), void *user);
