#include "services/signaling/signaling.h"

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const char *const signal_words[] = {
    "offer", "answer", "candidate", "candidates_end", "restart", "mute_state", "hangup", NULL,
};

static const struct field ice_server_fields[] = {
    {"urls", TEXTS, IN(ice_server, urls), REQUIRED, 0, 16},
    {"username", TEXT, IN(ice_server, username)},
    {"credential", TEXT, IN(ice_server, credential)},
    {0},
};
static const struct shape ice_server_shape = {
    "IceServer", sizeof(struct ice_server), ice_server_fields,
};

static const struct field peer_fields[] = {
    {"person", UUID, IN(peer, person), REQUIRED},
    {"role", TEXT, IN(peer, role), REQUIRED},
    {"polite", BOOL, IN(peer, polite), REQUIRED},
    {"state", TEXT, IN(peer, state)},
    {0},
};
static const struct shape peer_shape = {"Peer", sizeof(struct peer), peer_fields};

static const struct field answer_fields[] = {
    {"session", UUID, IN(answer, session), REQUIRED},
    {"call", UUID, IN(answer, call), REQUIRED},
    {"epoch", INT, IN(answer, epoch), REQUIRED},
    {"ice_servers", LIST, IN(answer, ice_servers), REQUIRED, 0, 1, &ice_server_shape},
    {"ice_transport_policy", TEXT, IN(answer, ice_transport_policy), REQUIRED},
    {"polite", BOOL, IN(answer, polite), REQUIRED},
    {"peers", LIST, IN(answer, peers), REQUIRED, 0, ROOM_PERSONS, &peer_shape},
    {"ends_at", TIME, IN(answer, ends_at_us), REQUIRED},
    {0},
};
const struct shape answer_shape = {"CallConnected", sizeof(struct answer), answer_fields};

static const struct field refreshed_fields[] = {
    {"ice_servers", LIST, IN(answer, ice_servers), REQUIRED, 0, 1, &ice_server_shape},
    {"ends_at", TIME, IN(answer, ends_at_us), REQUIRED},
    {0},
};
const struct shape refreshed_shape = {"CallRefreshed", sizeof(struct answer), refreshed_fields};

static const struct field signal_fields[] = {
    {"to", UUID, IN(signal, to), REQUIRED},
    {"type", TEXT, IN(signal, type), REQUIRED, 1, 16, .words = signal_words},
    {"gen", INT, IN(signal, gen), REQUIRED, 0, INT64_MAX},
    {"seq", INT, IN(signal, seq), REQUIRED, 0, INT64_MAX},
    {"data", TEXT, IN(signal, data), PHI, 0, 60 * 1024},
    {0},
};
const struct shape signal_shape = {"Signal", sizeof(struct signal), signal_fields};

static const struct field told_fields[] = {
    {"from", UUID, IN(signal, from), REQUIRED},
    {"type", TEXT, IN(signal, type), REQUIRED},
    {"gen", INT, IN(signal, gen), REQUIRED},
    {"seq", INT, IN(signal, seq), REQUIRED},
    {"data", TEXT, IN(signal, data), PHI},
    {0},
};
static const struct shape told_shape = {"SignalTold", sizeof(struct signal), told_fields};

static const struct field signal_push_fields[] = {
    {"signal", OBJECT, 0, REQUIRED, 0, 0, &told_shape},
    {0},
};
const struct shape signal_push_shape = {"SignalPush", sizeof(void *), signal_push_fields};

static const struct field peer_push_fields[] = {
    {"peer", OBJECT, 0, REQUIRED, 0, 0, &peer_shape},
    {0},
};
const struct shape peer_push_shape = {"PeerPush", sizeof(void *), peer_push_fields};
/* clang-format on */
