#include "common/io/leaf.h"

#include <time.h>

#define VERSION 1
#define COMMITMENT "telecura audit leaf v1"
#define COMMITMENT_BYTES (sizeof COMMITMENT - 1)

/* ---- big-endian writing ---- */

static uint8_t *put_number(uint8_t *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;) *to++ = (uint8_t)(value >> (8 * i));
    return to;
}

static uint8_t *put_bytes(uint8_t *to, const void *from, size_t n)
{
    if (n > 0) memcpy(to, from, n);
    return to + n;
}

static uint8_t *put_word(uint8_t *to, struct str word)
{
    return put_bytes(put_number(to, word.n, 1), word.p, word.n);
}

/* ---- and reading; a reader that ran out stays empty and broken ---- */

struct reader {
    const uint8_t *p;
    size_t left;
    bool broken;
};

static const uint8_t *take(struct reader *reader, size_t n)
{
    const uint8_t *p = reader->p;

    if (reader->broken || reader->left < n) {
        reader->broken = true;
        return NULL;
    }
    reader->p += n;
    reader->left -= n;
    return p;
}

static uint64_t take_number(struct reader *reader, unsigned bytes)
{
    const uint8_t *p = take(reader, bytes);
    uint64_t value = 0;

    for (unsigned i = 0; p && i < bytes; i++) value = value << 8 | p[i];
    return value;
}

static void take_copy(struct reader *reader, void *to, size_t n)
{
    const uint8_t *p = take(reader, n);

    if (p) memcpy(to, p, n);
}

static struct str take_word(struct reader *reader)
{
    const size_t n = (size_t)take_number(reader, 1);
    const uint8_t *p = take(reader, n);

    return p ? (struct str){(const char *)p, n} : STR_NONE;
}

/* ---- leaves ---- */

static struct hash commitment_of(const uint8_t key[AEAD_KEY_BYTES], struct uuid dek_id)
{
    uint8_t what[COMMITMENT_BYTES + sizeof dek_id.b];

    memcpy(what, COMMITMENT, COMMITMENT_BYTES);
    memcpy(what + COMMITMENT_BYTES, dek_id.b, sizeof dek_id.b);
    return aead_commitment(key, bytes_of(what, sizeof what));
}

err_t leaf_encode(struct arena *arena, const struct leaf *leaf, const uint8_t key[AEAD_KEY_BYTES],
                  struct bytes body, struct bytes *ret_leaf)
{
    const size_t sealed_bytes = key ? body.n + AEAD_OVERHEAD_BYTES : 0;
    const size_t bytes = 1 + 1 + leaf->log.n + 1 + leaf->producer.n + 8 + 8 + 1 +
                         sizeof leaf->dek_id.b + HASH_BYTES + 2 + sealed_bytes;
    struct hash commitment = {{0}};
    uint8_t *begin, *to;

    if (bytes > LEAF_BYTES_MAX || leaf->log.n > UINT8_MAX || leaf->producer.n > UINT8_MAX) {
        return ERR_TOO_LARGE;
    }
    if (key) commitment = commitment_of(key, leaf->dek_id);
    begin = to = arena_alloc(arena, bytes);
    to = put_number(to, VERSION, 1);
    to = put_word(to, leaf->log);
    to = put_word(to, leaf->producer);
    to = put_number(to, leaf->seq, 8);
    to = put_number(to, (uint64_t)leaf->time_ms, 8);
    to = put_number(to, leaf->class, 1);
    to = put_bytes(to, leaf->dek_id.b, sizeof leaf->dek_id.b);
    to = put_bytes(to, commitment.b, HASH_BYTES);
    const struct bytes aad = {begin, (size_t)(to - begin)};
    to = put_number(to, sealed_bytes, 2);
    if (key) aead_seal(key, aad, body, to);
    *ret_leaf = (struct bytes){begin, bytes};
    return ERR_OK;
}

err_t leaf_decode(struct bytes from, struct leaf *ret_leaf)
{
    struct reader reader = {from.p, from.n, false};
    struct leaf leaf = {0};

    const uint64_t version = take_number(&reader, 1);
    leaf.log = take_word(&reader);
    leaf.producer = take_word(&reader);
    leaf.seq = take_number(&reader, 8);
    leaf.time_ms = (int64_t)take_number(&reader, 8);
    const uint64_t class = take_number(&reader, 1);
    take_copy(&reader, leaf.dek_id.b, sizeof leaf.dek_id.b);
    take_copy(&reader, leaf.commitment.b, HASH_BYTES);
    leaf.aad = bytes_of(from.p, from.n - reader.left);
    leaf.sealed.n = (size_t)take_number(&reader, 2);
    leaf.sealed.p = take(&reader, leaf.sealed.n);
    if (reader.broken || reader.left != 0 || version != VERSION) return ERR_CORRUPT;
    if (class != LEAF_EVENT && class != LEAF_HEARTBEAT) return ERR_CORRUPT;
    leaf.class = (enum leaf_class)class;
    if ((leaf.class == LEAF_HEARTBEAT) != (leaf.sealed.n == 0)) return ERR_CORRUPT;
    *ret_leaf = leaf;
    return ERR_OK;
}

err_t leaf_open(struct arena *arena, const struct leaf *leaf, const uint8_t key[AEAD_KEY_BYTES],
                struct bytes *ret_body)
{
    const struct hash commitment = commitment_of(key, leaf->dek_id);
    uint8_t *body;

    if (leaf->sealed.n < AEAD_OVERHEAD_BYTES) return ERR_CORRUPT;
    if (!hash_equal(&commitment, &leaf->commitment)) return ERR_CORRUPT;
    body = arena_alloc(arena, leaf->sealed.n);
    TRY(aead_open(key, leaf->aad, leaf->sealed, body));
    *ret_body = (struct bytes){body, leaf->sealed.n - AEAD_OVERHEAD_BYTES};
    return ERR_OK;
}

struct hash leaf_mac(const uint8_t key[AEAD_KEY_BYTES], const struct hash *prev, struct bytes leaf)
{
    return hash_hmac_2(bytes_of(key, AEAD_KEY_BYTES), bytes_of(prev->b, HASH_BYTES), leaf);
}

static struct uuid id_of(struct str what, struct str name)
{
    const struct hash hash = hash_sha256_2(str_bytes(what), str_bytes(name));
    struct uuid id;

    memcpy(id.b, hash.b, sizeof id.b);
    return id;
}

struct uuid leaf_producer_id(struct str producer)
{
    return id_of(STR("producer:"), producer);
}

void leaf_shard(int64_t at_us, char ret[LEAF_SHARD_MAX])
{
    const time_t at_s = (time_t)(at_us / 1000000);
    struct tm day;

    gmtime_r(&at_s, &day);
    for (unsigned i = 4, year = (unsigned)(day.tm_year + 1900); i-- > 0; year /= 10)
        ret[i] = (char)('0' + year % 10);
    memcpy(ret + 4, day.tm_mon < 6 ? "h1" : "h2", 3);
}

struct uuid leaf_shard_id(struct str shard)
{
    return id_of(STR("shard:"), shard);
}
