/*
 * topics - the rows of proto/topics.def as C.
 *
 * Threads  any.
 */
#pragma once

#include "common/base/str.h"

#include <protobuf-c/protobuf-c.h>

enum topic {
    TOPIC_NONE,
#define TOPIC(name, text, message, cleanup, partitions, producers, consumers) TOPIC_##name,
#include "proto/topics.def"
#undef TOPIC
    TOPIC_MAX,
};

enum cleanup { COMPACT, DELETE_14_DAYS };

struct topic_info {
    const char *name;                            /* "access.people.v1" */
    const ProtobufCMessageDescriptor *message;
    enum cleanup cleanup;
    int partitions;                              /* 0: the installation's number */
    const char *producers, *consumers;           /* words, or "*" */
};

const struct topic_info *topic_info(enum topic topic);
enum topic topic_find(struct str name); /* TOPIC_NONE */
/* @service stands in @words, or "*" does. */
bool topic_names(const char *words, const char *service);
