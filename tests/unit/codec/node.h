/*
 * node - a recursive protobuf message, written by hand: what hostile nesting needs. Our own .proto
 * files have none.
 *
 *   message Node { string text = 1; repeated Node nodes = 2; repeated int64 numbers = 3;
 *                  repeated string texts = 4; bytes id = 5; }
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct node {
    ProtobufCMessage base;
    char *text;
    size_t nodes_n;
    struct node **nodes;
    size_t numbers_n;
    int64_t *numbers;
    size_t texts_n;
    char **texts;
    ProtobufCBinaryData id;
};

static const ProtobufCMessageDescriptor node_type;

#define NODE_LIST(member, number, type, of)                                                        \
    {#member, number, PROTOBUF_C_LABEL_REPEATED, PROTOBUF_C_TYPE_##type,                           \
     offsetof(struct node, member##_n), offsetof(struct node, member), of, NULL, 0, 0, NULL, NULL}
#define NODE_ONE(member, number, type, fallback)                                                   \
    {#member, number, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_##type, 0,                            \
     offsetof(struct node, member), NULL, fallback, 0, 0, NULL, NULL}

static const ProtobufCFieldDescriptor node_fields[] = {
    NODE_ONE(text, 1, STRING, protobuf_c_empty_string),
    NODE_LIST(nodes, 2, MESSAGE, &node_type),
    NODE_LIST(numbers, 3, INT64, NULL),
    NODE_LIST(texts, 4, STRING, NULL),
    NODE_ONE(id, 5, BYTES, NULL),
};
static const unsigned node_by_name[] = {4, 1, 2, 0, 3};
static const ProtobufCIntRange node_ranges[] = {{1, 0}, {0, 5}};

#define NODE_INIT                                                                                  \
    {                                                                                              \
        {&node_type, 0, NULL}, (char *)(uintptr_t)protobuf_c_empty_string, 0, NULL, 0, NULL, 0,    \
            NULL, {0, NULL},                                                                       \
    }

static void node_init(ProtobufCMessage *message)
{
    static const struct node init = NODE_INIT;

    *(struct node *)(void *)message = init;
}

static const ProtobufCMessageDescriptor node_type = {
    PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC, "Node", "Node", "struct node", "", sizeof(struct node), 5,
    node_fields, node_by_name, 1, node_ranges, node_init, NULL, NULL, NULL,
};
