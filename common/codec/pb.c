#include "common/codec/pb.h"

#include <stddef.h>

#define SLACK_BYTES 4096
#define WIRE_FIELDS_MAX 16384 /* of one packed message, nested and unknown ones included */

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* A message that is being scanned: what is left of it, and what it should be. */
struct level {
    const uint8_t *at, *end;
    const ProtobufCMessageDescriptor *type;
};

static bool varint_take(struct level *level, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70 && level->at < level->end; shift += 7) {
        const uint8_t byte = *level->at++;

        if (shift == 63 && byte > 1) return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* Takes the value of one field; @ret_body is set for WIRE_BYTES. */
static bool value_take(struct level *level, unsigned wire, struct bytes *ret_body)
{
    const size_t left = (size_t)(level->end - level->at);
    uint64_t n = 0;

    *ret_body = BYTES_NONE;
    switch (wire) {
    case WIRE_VARINT: return varint_take(level, &n);
    case WIRE_64: n = 8; break;
    case WIRE_32: n = 4; break;
    case WIRE_BYTES:
        if (!varint_take(level, &n)) return false;
        if (n > (size_t)(level->end - level->at)) return false;
        *ret_body = bytes_of(level->at, (size_t)n);
        break;
    default: return false; /* groups were never ours */
    }
    if (wire != WIRE_BYTES && n > left) return false;
    level->at += n;
    return true;
}

/* Walks the wire format without recursion: sound, at most PB_DEPTH_MAX deep, not too many fields,
 * every string UTF-8 without NUL. */
static bool scan(const ProtobufCMessageDescriptor *type, struct bytes packed)
{
    struct level levels[PB_DEPTH_MAX] = {{packed.p, packed.p + packed.n, type}};
    struct level *level = levels;

    for (unsigned fields = 0; fields <= WIRE_FIELDS_MAX; fields++) {
        const ProtobufCFieldDescriptor *field;
        struct bytes body;
        uint64_t tag;

        while (level->at == level->end) {
            if (level == levels) return true;
            level--;
        }
        if (!varint_take(level, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return false;
        if (!value_take(level, (unsigned)tag & 7, &body)) return false;
        field = protobuf_c_message_descriptor_get_field(level->type, (unsigned)(tag >> 3));
        if (!field || !body.p) continue;
        if (field->type == PROTOBUF_C_TYPE_STRING &&
            !str_is_utf8((struct str){(const char *)body.p, body.n}))
            return false;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        if (level == &levels[PB_DEPTH_MAX - 1]) return false;
        *++level = (struct level){body.p, body.p + body.n, field->descriptor};
    }
    return false;
}

struct budget {
    struct arena *arena;
    size_t left;
};

static void *budget_alloc(void *user, size_t bytes)
{
    struct budget *const budget = user;

    if (bytes > budget->left) return NULL;
    budget->left -= bytes;
    return arena_try(budget->arena, bytes);
}

static void budget_free(void *user, void *p)
{
    (void)user, (void)p; /* the arena's reset does it */
}

err_t pb_unpack(const ProtobufCMessageDescriptor *type, struct bytes packed, struct arena *arena,
                ProtobufCMessage **ret_message)
{
    struct budget budget = {arena, packed.n * PB_EXPANSION_MAX + SLACK_BYTES};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};

    if (packed.n > PB_BYTES_MAX) return ERR_BAD_BODY;
    if (!packed.p) packed = str_bytes(STR(""));
    if (!scan(type, packed)) return ERR_BAD_BODY;
    *ret_message = protobuf_c_message_unpack(type, &allocator, packed.n, packed.p);
    return *ret_message ? ERR_OK : ERR_BAD_BODY;
}

struct bytes pb_pack(struct arena *arena, const ProtobufCMessage *message)
{
    const size_t n = protobuf_c_message_get_packed_size(message);
    uint8_t *const to = arena_alloc(arena, n);

    protobuf_c_message_pack(message, to);
    return bytes_of(to, n);
}

ProtobufCBinaryData pb_uuid(struct arena *arena, struct uuid id)
{
    return (ProtobufCBinaryData){sizeof id.b, arena_copy(arena, id.b, sizeof id.b)};
}

struct uuid pb_to_uuid(ProtobufCBinaryData from)
{
    struct uuid id = UUID_NIL;

    uuid_from_bytes(pb_to_bytes(from), &id);
    return id;
}

char *pb_text(struct arena *arena, struct str text)
{
    return arena_cstr(arena, text);
}
