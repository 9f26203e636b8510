#include "common/io/topics.h"

#include "telecura/v1/audit.pb-c.h"
#include "telecura/v1/events.pb-c.h"

static const struct topic_info infos[TOPIC_MAX] = {
#define TOPIC(name, text, message, cleanup, partitions, producers, consumers)                      \
    [TOPIC_##name] = {text, &telecura__v1__##message##__descriptor, cleanup, partitions,           \
                      producers, consumers},
#include "proto/topics.def"
#undef TOPIC
};

const struct topic_info *topic_info(enum topic topic)
{
    return &infos[topic];
}

enum topic topic_find(struct str name)
{
    for (enum topic topic = TOPIC_NONE + 1; topic < TOPIC_MAX; topic++) {
        if (str_is(name, infos[topic].name)) return topic;
    }
    return TOPIC_NONE;
}

bool topic_names(const char *words, const char *service)
{
    const size_t n = strlen(service);

    if (strcmp(words, "*") == 0) return true;
    for (const char *word = words; *word;) {
        const size_t length = strcspn(word, " ");
        if (length == n && memcmp(word, service, n) == 0) return true;
        word += length + strspn(word + length, " ");
    }
    return false;
}
