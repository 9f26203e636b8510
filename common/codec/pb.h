/*
 * pb - protobuf-c behind a guard.
 *
 * protobuf-c 1.4.1 alone has no limits: 74 KB of nesting crash it and 1 MB of empty repeated
 * messages become 52 MB. So every unpack here goes: size cap, pre-scan of nesting and of field
 * counts, an allocator that counts and lives in the arena, then a check that every string is
 * UTF-8 without NUL.
 *
 * Ownership  unpacked messages live in the arena; never call protobuf_c_message_free_unpacked().
 * Threads    any.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/uuid.h"

#include <protobuf-c/protobuf-c.h>

#define PB_BYTES_MAX (256 * 1024) /* a packed message */
#define PB_DEPTH_MAX 8
#define PB_EXPANSION_MAX 16 /* unpacked bytes per packed byte, plus 4 KiB */

/* ERR_BAD_BODY when the bytes are not a sound message of that type. */
err_t pb_unpack(const ProtobufCMessageDescriptor *type, struct bytes packed, struct arena *arena,
                ProtobufCMessage **ret_message);
struct bytes pb_pack(struct arena *arena, const ProtobufCMessage *message);

/* Conversions between protobuf-c's members and ours; all borrow. */
static inline ProtobufCBinaryData pb_bytes(struct bytes b)
{
    return (ProtobufCBinaryData){b.n, (uint8_t *)(uintptr_t)b.p};
}
ProtobufCBinaryData pb_uuid(struct arena *arena, struct uuid id); /* copies */
struct uuid pb_to_uuid(ProtobufCBinaryData from);                 /* nil unless 16 bytes */
char *pb_text(struct arena *arena, struct str text);              /* "" when absent */
static inline struct bytes pb_to_bytes(ProtobufCBinaryData from)
{
    return (struct bytes){from.data, from.len};
}
