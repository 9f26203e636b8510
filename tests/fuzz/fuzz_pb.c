/* Whatever bytes come as a protobuf message: no harm is done, no memory past the budget is taken,
 * and what is taken packs and unpacks to the same. */
#include "common/codec/pb.h"
#include "tests/unit/codec/node.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct arena *arena;
    ProtobufCMessage *message, *again;
    struct bytes packed;
    err_t err;

    if (!arena) arena = arena_new(64 << 20);
    arena_reset(arena);
    err = pb_unpack(&node_type, bytes_of(data, n), arena, &message);
    /* An allocation of the arena is rounded up to 16 bytes. */
    if (arena_used(arena) > 16 * (n * PB_EXPANSION_MAX + 4096)) abort();
    if (err != ERR_OK) return 0;
    packed = pb_pack(arena, message);
    if (packed.n > PB_BYTES_MAX) return 0;
    /* Wasteful input (long varints) packs shorter, so that its budget may be smaller. */
    if (pb_unpack(&node_type, packed, arena, &again) != ERR_OK) return 0;
    if (protobuf_c_message_get_packed_size(again) != packed.n) abort();
    return 0;
}
