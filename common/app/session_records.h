/*
 * session_records - the effects thread of a service that holds sessions: what ended goes on record.
 *
 * A socket closes on the loop, where no act can run. So the service says session_ended() with what
 * it knew of the session, and this thread runs one act for each, again and again until it commits
 * (the database may be away), in the order in which they ended. Besides, each second and after each
 * service_poke_effects(), it does what the service wants done off the loop. When the service stops
 * it goes on until the sessions are gone and on record, but no longer than 5 s.
 *
 * A process that dies, or stops while the database stays away, takes with it what it has not yet
 * recorded. Nothing of that was acknowledged to anybody, and nothing was seen without a row: the
 * opening is the audited read. An opening that no closing follows ended with its process or with
 * its grant; a stop says how many those are.
 *
 * Threads    session_ended: any. session_records_run: the effects thread (service.effects).
 * Errors     session_records.record's are tried again; none comes back.
 * Ownership  what is given to session_ended() comes from malloc; it is freed when it is on record.
 */
#pragma once

#include "common/app/service.h"

struct session_records {
    const char *name;                                  /* of the database connection */
    void (*poll)(struct db *db, struct arena *arena);  /* each second */
    void (*round)(struct db *db, struct arena *arena); /* each round; or NULL */
    enum audit_action audit;
    handler *record;             /* an act of the service; in = what session_ended() was given */
};

void session_ended(struct uuid org, void *of_the_service);
void session_records_run(const struct session_records *records);
