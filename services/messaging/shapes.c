#include "services/messaging/messaging.h"

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)

static const char *const scheme_words[] = {"plain", "mls", NULL};

static const struct field resume_fields[] = {
    {"offset", INT, IN(resume, offset), REQUIRED, 0, INT64_MAX},
    {"epoch", UUID, IN(resume, epoch), REQUIRED},
    {0},
};
static const struct shape resume_shape = {"Resume", sizeof(struct resume), resume_fields};

static const struct field connect_fields[] = {
    {"token", TEXT, IN(connect, token), REQUIRED, 1, 8192},
    {"grant", TEXT, IN(connect, grant), REQUIRED, 1, 4096},
    {"resume", OBJECT, IN(connect, resume), 0, 0, 0, &resume_shape},
    {0},
};
const struct shape connect_shape = {"StreamConnect", sizeof(struct connect), connect_fields};

static const struct field said_fields[] = {
    {"offset", INT, IN(said, row.off), REQUIRED},
    {"message_id", UUID, IN(said, row.message_id), REQUIRED},
    {"sender", UUID, IN(said, row.sender), REQUIRED},
    {"role", TEXT, IN(said, row.role), REQUIRED},
    {"sent_at", TIME, IN(said, row.sent_at_us), REQUIRED},
    {"scheme", TEXT, IN(said, scheme), REQUIRED},
    {"body", TEXT, IN(said, body), REQUIRED | PHI},
    {0},
};
const struct shape said_shape = {"Message", sizeof(struct said), said_fields};

static const struct field push_fields[] = {
    {"message", OBJECT, 0, REQUIRED, 0, 0, &said_shape},
    {0},
};
const struct shape push_shape = {"MessagePush", sizeof(const struct said *), push_fields};

static const struct field opened_fields[] = {
    {"session", UUID, IN(opened, session), REQUIRED},
    {"channel", UUID, IN(opened, channel), REQUIRED},
    {"epoch", UUID, IN(opened, epoch), REQUIRED},
    {"top", INT, IN(opened, top), REQUIRED},
    {"recovered", BOOL, IN(opened, recovered), REQUIRED},
    {"messages", LIST, IN(opened, messages), REQUIRED, 0, PAGE_MESSAGES, &said_shape},
    {"more", BOOL, IN(opened, more), REQUIRED},
    {"ends_at", TIME, IN(opened, ends_at_us), REQUIRED},
    {0},
};
const struct shape opened_shape = {"StreamOpened", sizeof(struct opened), opened_fields};

static const struct field sending_fields[] = {
    {"message_id", UUID, IN(sending, message_id), REQUIRED},
    {"scheme", TEXT, IN(sending, scheme), 0, 1, 16, .words = scheme_words},
    {"body", TEXT, IN(sending, body), REQUIRED | PHI, 1, 16 * 1024},
    {0},
};
const struct shape sending_shape = {"Send", sizeof(struct sending), sending_fields};

static const struct field sent_fields[] = {
    {"offset", INT, IN(sent, offset), REQUIRED},
    {"epoch", UUID, IN(sent, epoch), REQUIRED},
    {"time", TIME, IN(sent, time_us), REQUIRED},
    {"dup", BOOL, IN(sent, dup), REQUIRED},
    {0},
};
const struct shape sent_shape = {"Sent", sizeof(struct sent), sent_fields};

static const struct field history_fields[] = {
    {"after_offset", INT, IN(history, after_offset), 0, 0, INT64_MAX},
    {"limit", INT, IN(history, limit), 0, 1, PAGE_MESSAGES, .usual = PAGE_MESSAGES},
    {0},
};
const struct shape history_shape = {"History", sizeof(struct history), history_fields};

static const struct field page_fields[] = {
    {"top", INT, IN(page, top), REQUIRED},
    {"messages", LIST, IN(page, messages), REQUIRED, 0, PAGE_MESSAGES, &said_shape},
    {"more", BOOL, IN(page, more), REQUIRED},
    {0},
};
const struct shape page_shape = {"HistoryPage", sizeof(struct page), page_fields};

static const struct field history_query_fields[] = {
    {"after_offset", INT, IN(history_query, after_offset), 0, 0, INT64_MAX},
    {"limit", INT, IN(history_query, limit), 0, 1, 200, .usual = 50},
    {"cursor", TEXT, IN(history_query, cursor), 0, 1, 256},
    {0},
};
const struct shape history_query_shape = {
    "MessageQuery", sizeof(struct history_query), history_query_fields,
};
/* clang-format on */
