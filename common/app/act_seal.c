/* PHI at rest: a message under its patient's key, bound to org, patient, kind, row and version. */
#include "common/app/act.h"
#include "common/app/run.h"
#include "common/base/secret.h"
#include "common/crypto/aead.h"
#include "common/io/keys.h"

#include <assert.h>

#define KINDS_MAX 32

static const struct {
    const char *domain;
    const ProtobufCMessageDescriptor *message;
} kinds[KINDS_MAX] = {
#define KIND(name, number, domain, message)                                                        \
    [number] = {domain, &telecura__v1__##message##__descriptor},
#include "common/app/kinds.def"
#undef KIND
};

/* The AAD is what stands in a packed Sealed before its last field, the @n sealed bytes: all of it
 * is bound, as it was packed. */
static struct bytes aad_of(struct bytes packed, size_t n)
{
    size_t field_n = n + 2; /* its tag, and its length in bytes of 7 bit */

    for (size_t rest = n >> 7; rest > 0; rest >>= 7) field_n++;
    return bytes_of(packed.p, packed.n > field_n ? packed.n - field_n : 0);
}

/* @plain under the current key of the patient. */
static err_t seal(struct act *act, const struct sealed_row *row, struct bytes plain,
                  int64_t version, struct bytes *ret_sealed)
{
    const struct key_name name = {act->org, row->patient, kinds[row->kind].domain};
    Telecura__V1__Sealed sealed = TELECURA__V1__SEALED__INIT;
    struct key key;

    /* No key is made for a patient whom the guards refuse; one that is here costs no trip. */
    if (!keys_cached(run_keys(), &name, &key)) {
        TRY(act_settle(act));
        TRY(keys_to_seal(run_keys(), &name, &key));
    }
    sealed.org = pb_uuid(act->arena, act->org);
    sealed.patient = pb_uuid(act->arena, row->patient);
    sealed.kind = (uint32_t)row->kind;
    sealed.row = pb_uuid(act->arena, row->id);
    sealed.sealed_version = (uint64_t)version;
    sealed.dek_id = pb_uuid(act->arena, key.id);
    sealed.bytes.len = plain.n + AEAD_OVERHEAD_BYTES;
    sealed.bytes.data = arena_alloc(act->arena, sealed.bytes.len); /* filled in once it is packed */
    const struct bytes packed = pb_pack(act->arena, &sealed.base);
    uint8_t *const to = (uint8_t *)(uintptr_t)packed.p + packed.n - sealed.bytes.len;

    aead_seal(key.secret, aad_of(packed, sealed.bytes.len), plain, to);
    secret_wipe(&key, sizeof key);
    *ret_sealed = packed;
    return ERR_OK;
}

err_t act_seal(struct act *act, struct uuid patient, enum kind kind, struct uuid row,
               int64_t version, const ProtobufCMessage *message, struct bytes *ret_sealed)
{
    assert(kind < KINDS_MAX && kinds[kind].message == message->descriptor);

    const struct sealed_row what = {.id = row, .patient = patient, .kind = (int32_t)kind};
    return seal(act, &what, pb_pack(act->arena, message), version, ret_sealed);
}

/* The row says what the blob must be; one of another row, version, patient or kind is damage. */
static bool belongs(const struct act *act, const struct unseal *item,
                    const Telecura__V1__Sealed *sealed)
{
    return uuid_equal(pb_to_uuid(sealed->org), act->org) &&
           uuid_equal(pb_to_uuid(sealed->patient), item->patient) &&
           uuid_equal(pb_to_uuid(sealed->row), item->row) && sealed->kind == item->kind &&
           sealed->sealed_version == (uint64_t)item->version &&
           sealed->bytes.len >= AEAD_OVERHEAD_BYTES;
}

static err_t open_one(struct act *act, const struct unseal *item, struct bytes *ret_plain)
{
    ProtobufCMessage *unpacked;
    struct key key;

    if (pb_unpack(&telecura__v1__sealed__descriptor, item->sealed, act->arena, &unpacked) != ERR_OK)
        return err_raise(ERR_CORRUPT, "row %s holds no sealed blob", UUID_ARG(item->row));

    const Telecura__V1__Sealed *sealed = (const void *)unpacked;
    if (!belongs(act, item, sealed))
        return err_raise(ERR_CORRUPT, "row %s holds another row's blob", UUID_ARG(item->row));

    const struct key_name name = {act->org, item->patient, kinds[item->kind].domain};
    TRY(keys_to_open(run_keys(), &name, pb_to_uuid(sealed->dek_id), &key));

    const size_t n = sealed->bytes.len - AEAD_OVERHEAD_BYTES;
    uint8_t *plain = arena_alloc(act->arena, n + 1);
    const err_t err =
        aead_open(key.secret, aad_of(item->sealed, sealed->bytes.len), pb_to_bytes(sealed->bytes),
                  plain);
    secret_wipe(&key, sizeof key);
    if (err != ERR_OK)
        return err_raise(ERR_CORRUPT, "the blob of row %s does not open", UUID_ARG(item->row));

    *ret_plain = bytes_of(plain, n);
    return ERR_OK;
}

static err_t unseal_one(struct act *act, struct unseal *item)
{
    struct bytes plain;

    TRY(open_one(act, item, &plain));
    return pb_unpack(kinds[item->kind].message, plain, act->arena, &item->message);
}

err_t act_reseal(struct act *act, const struct sealed_row *row, int64_t version,
                 struct bytes *ret_sealed)
{
    const struct unseal item = {
        .patient = row->patient, .row = row->id, .kind = (enum kind)row->kind,
        .sealed = row->sealed, .version = row->sealed_version,
    };
    struct bytes plain;

    TRY(open_one(act, &item, &plain));
    return seal(act, row, plain, version, ret_sealed);
}

err_t act_unseal(struct act *act, struct unseal *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!uuid_is_nil(items[i].patient) && !run_asked(act, items[i].patient))
            return err_raise(ERR_INTERNAL, "%s opens what it has not asked for",
                             act->own->run->resource);
    }
    TRY(act_settle(act));

    for (size_t i = 0; i < count; i++) {
        if (items[i].sealed.p) TRY(unseal_one(act, &items[i]));
    }
    return ERR_OK;
}
