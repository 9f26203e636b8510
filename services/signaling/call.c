#include "services/signaling/signaling.h"

#include "common/app/session_rules.h"

/* Who this is to coturn, and on which grant that rests from now on. */
static err_t name_keep(struct act *act, struct uuid *ret_name)
{
    const struct turn_name_keep keep = {.call_id = act->grant->channel,
                                        .grant_id = act->grant->id,
                                        .minted_at_us = act->grant->minted_at_us,
                                        .ends_at_us = act->grant->ends_at_us,
                                        .name = uuid_v4()};
    struct turn_name row;

    TRY(turn_name_keep(act, &keep, &row));
    *ret_name = row.name;
    return ERR_OK;
}

static void joined(struct session *session, const void *user)
{
    if (session)
        room_join(session, user);
    else
        room_forget(user);
}

static err_t joined_emit(struct act *act, const struct call *call)
{
    Telecura__V1__CallEvent event = TELECURA__V1__CALL_EVENT__INIT;

    event.kind = KIND_OF(CALL, JOINED);
    event.visit = pb_uuid(act->arena, call->visit_id);
    event.person = pb_uuid(act->arena, act->who.person);
    event.state = pb_text(act->arena, STR("open"));
    return act_emit(act, TOPIC_CALLS, call->id, call->version, &event.base);
}

static err_t peers_read(struct act *act, struct list *ret_peers)
{
    struct seated_rows rows;

    TRY(seats_others(act, &(struct seats_others){.call_id = act->grant->channel}, &rows));
    struct peer *peers = ARENA_ARRAY(act->arena, struct peer, rows.n);
    for (size_t i = 0; i < rows.n; i++)
        peers[i] = (struct peer){.person = rows.p[i].person,
                                 .role = rows.p[i].role,
                                 .polite = room_polite(act->who.person, act->grant->role,
                                                       rows.p[i].person, rows.p[i].role)};
    *ret_peers = (struct list){peers, rows.n};
    return ERR_OK;
}

/* The person's one seat. Who is refused may be the same person, whose network broke: then the
 * seat is free when the other device is found to be gone. */
static err_t seat_take_as(struct act *act, const struct call *call)
{
    const struct seat_take take = {call->id, act->grant->role, call->epoch,
                                   session_rule(act->who.role)->seat == SEAT_REPLACE};
    struct seat_taken row;

    const err_t err = seat_take(act, &take, &row);
    if (err == ERR_SEAT_TAKEN) room_probe(call->id, act->who.person);
    return err;
}

/* connect: claims the call for this replica and takes a seat. */
err_t call_connect(struct act *act)
{
    const struct signaling_settings *settings = service_settings();
    const struct grant *grant = act->grant;
    struct uuid name;
    const struct call_claim claim = {.id = grant->channel,
                                     .visit_id = grant->visit,
                                     .patient_id = grant->patient,
                                     .provider_id = grant->provider,
                                     .replica = room_replica()};
    struct answer answer = {.session = act->id,
                            .call = grant->channel,
                            .ends_at_us = grant->ends_at_us,
                            .polite = str_is(grant->role, "patient"),
                            .ice_transport_policy =
                                settings->relay_only ? STR("relay") : STR("all")};
    struct seating *seating = ARENA_NEW(act->arena, struct seating);
    struct call call;

    TRY(session_allow(act, "call"));
    TRY(call_claim(act, &claim, &call));
    seats_clear(act, &(struct seats_clear){.call_id = call.id});
    TRY(seat_take_as(act, &call));
    TRY(peers_read(act, &answer.peers));
    TRY(name_keep(act, &name));
    TRY(joined_emit(act, &call));
    act_resource(act, call.id, call.version);

    answer.epoch = call.epoch;
    answer.ice_servers = turn_servers(act->arena, name, act->now_us, grant->ends_at_us);
    *seating = (struct seating){.session = act->session,
                                .actor = act->who,
                                .org = act->org,
                                .call = call.id,
                                .visit = call.visit_id,
                                .patient = call.patient_id,
                                .labels = grant->labels,
                                .taken = act->id,
                                .role = grant->role,
                                .version = call.version};
    act_after(act, joined, seating, sizeof *seating);
    return act_reply(act, 200, &answer_shape, &answer);
}

/* refresh: a longer stay, and new TURN credentials with it. */
err_t call_refresh(struct act *act)
{
    struct answer answer = {.ends_at_us = act->grant->ends_at_us};
    struct uuid name;

    TRY(session_allow(act, "call"));
    TRY(name_keep(act, &name));
    answer.ice_servers = turn_servers(act->arena, name, act->now_us, answer.ends_at_us);
    act_resource(act, act->grant->channel, 0);
    return act_reply(act, 200, &refreshed_shape, &answer);
}

static struct flow *flow_of(struct seating *from, struct uuid to)
{
    size_t i = 0;

    while (i < from->flow_count && !uuid_equal(from->flows[i].to, to)) i++;
    if (i == ROOM_PERSONS) return NULL;
    if (i == from->flow_count) from->flows[from->flow_count++] = (struct flow){to, 0, -1};
    return &from->flows[i];
}

/* signal: to one person, once, in order; nothing of it stays here. */
void call_signal(struct session *session, const void *body, struct arena *arena)
{
    const struct signaling_settings *settings = service_settings();
    struct seating *seating = session_user(session);
    struct signal told = *(const struct signal *)body;
    const struct signal *push = &told;

    if (!seating || uuid_equal(told.to, seating->actor.person)) return;

    struct flow *flow = flow_of(seating, told.to);
    if (!flow) return session_close(session, 4500, "too many addressees");
    if (!flow_pass(flow, told.gen, told.seq)) return;

    if (settings->relay_only && told.data.p) {
        if (str_is(told.type, "candidate") && !candidate_is_relay(told.data)) return;
        told.data = description_relayed(arena, told.data);
    }
    told.from = seating->actor.person;
    room_send(seating, told.to, json_encode(arena, &signal_push_shape, &push));
}

void call_leave(struct session *session, const void *body, struct arena *arena)
{
    (void)body, (void)arena;
    session_close(session, 1000, "left");
}
