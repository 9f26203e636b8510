/*
 * audit_load - a producer of audit records without a database: what a relay would send, as fast as
 * Kafka takes it.
 *
 *     audit_load KAFKA KEYD CA CERT KEY ORG COUNT LEAVES
 *
 * It speaks for the service appointments, whose certificate it is given: COUNT acts of that
 * organisation, sealed under its key and chained from the log's beginning. Their leaves are written
 * to LEAVES too, each behind its length in two bytes, so that an anchor stores the same bytes.
 */
#include "common/base/clock.h"
#include "common/codec/pb.h"
#include "common/io/http.h"
#include "common/io/keys.h"
#include "common/io/leaf.h"
#include "common/io/producer.h"
#include "services/audit/tiles.h"

#include "telecura/v1/audit.pb-c.h"
#include "telecura/v1/sealed.pb-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SERVICE "appointments"
#define COUNT_MAX 10000000
#define IN_FLIGHT_MAX 5000
#define ARENA_BYTES_MAX ((size_t)64 << 20)

static struct {
    struct uuid org;
    struct key mac_key, dek;
    struct hash mac; /* of the last leaf */
    FILE *leaves;
    struct producer *producer;
} load;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "audit_load: %s: %s\n", what, errno ? strerror(errno) : "no");
    exit(2);
}

/* A clinician reads a visit: what most rows of a real log are. */
static struct bytes body_pack(struct arena *arena, struct uuid event, int64_t at_us)
{
    Telecura__V1__AuditPhi body = TELECURA__V1__AUDIT_PHI__INIT;

    body.act = pb_uuid(arena, uuid_v7(at_us));
    body.event = pb_uuid(arena, event);
    body.action = pb_text(arena, STR("visit.read"));
    body.outcome = pb_text(arena, STR("done"));
    body.role = pb_text(arena, STR("clinician"));
    body.service = pb_text(arena, STR(SERVICE));
    body.resource = pb_text(arena, STR("/v1/appointments/{id}"));
    body.resource_version = 3;
    body.acr = 2;
    body.remote = pb_text(arena, STR("192.0.2.7"));
    body.at_us = at_us;
    body.relation = pb_text(arena, STR("booked"));
    body.actor = pb_uuid(arena, uuid_v4());
    body.patient = pb_uuid(arena, uuid_v4());
    body.resource_id = pb_uuid(arena, uuid_v4());
    return pb_pack(arena, &body.base);
}

static void leaf_keep(struct bytes leaf)
{
    uint8_t entry[TILES_ENTRY_BYTES_MAX + 2];
    const size_t n = tiles_entry_write(leaf, entry);

    if (fwrite(entry, 1, n, load.leaves) != n) die("LEAVES");
}

static void record_send(struct arena *arena, int64_t seq, struct sending *sending)
{
    const int64_t now_us = clock_real_us();
    const struct uuid event_id = uuid_v7(now_us);
    const struct leaf leaf = {
        .log = arena_printf(arena, "%s", UUID_ARG(load.org)),
        .producer = STR(SERVICE),
        .seq = (uint64_t)seq,
        .time_ms = now_us / MS_US,
        .class = LEAF_EVENT,
        .dek_id = load.dek.id,
    };
    const struct hash prev = load.mac;
    const struct event event = {
        .topic = TOPIC_AUDIT_EVENTS,
        .id = event_id,
        .org = load.org,
        .act = event_id,
        .key = leaf_producer_id(STR(SERVICE)),
        .version = seq,
        .epoch = 1,
        .at_us = now_us,
        .kind = TELECURA__V1__AUDIT_RECORD__KIND__EVENT,
    };
    Telecura__V1__AuditRecord record = TELECURA__V1__AUDIT_RECORD__INIT;
    struct bytes bytes;

    if (leaf_encode(arena, &leaf, load.dek.secret, body_pack(arena, event_id, now_us), &bytes) !=
        ERR_OK)
        die("a leaf");
    load.mac = leaf_mac(load.mac_key.secret, &prev, bytes);
    leaf_keep(bytes);
    record.kind = TELECURA__V1__AUDIT_RECORD__KIND__EVENT;
    record.event = pb_uuid(arena, event_id);
    record.producer = pb_text(arena, STR(SERVICE));
    record.epoch = event.epoch;
    record.seq = seq;
    record.prev_mac = pb_bytes(bytes_of(prev.b, HASH_BYTES));
    record.mac = pb_bytes(bytes_of(load.mac.b, HASH_BYTES));
    record.leaf = pb_bytes(bytes);
    record.mac_key = pb_uuid(arena, load.mac_key.id);
    producer_send(load.producer, &event, pb_pack(arena, &record.base), sending);
}

static bool goes_on(void *user)
{
    (void)user;
    return true;
}

static void send_all(int64_t count)
{
    static struct sending sendings[IN_FLIGHT_MAX];
    struct arena *arena = arena_new(ARENA_BYTES_MAX);

    for (int64_t done = 0; done < count;) {
        const int64_t left = count - done, n = left < IN_FLIGHT_MAX ? left : IN_FLIGHT_MAX;

        arena_reset(arena);
        for (int64_t i = 0; i < n; i++) record_send(arena, done + i + 1, &sendings[i]);
        producer_wait(load.producer, goes_on, NULL);
        for (int64_t i = 0; i < n; i++) {
            if (!sendings[i].sent) die("Kafka did not take a record");
        }
        done += n;
    }
    arena_free(arena);
}

int main(int argc, char **argv)
{
    int64_t count = 0;

    if (argc != 9 || !uuid_parse(str_of(argv[6]), &load.org) ||
        !str_int(str_of(argv[7]), 1, COUNT_MAX, &count))
        die("KAFKA KEYD CA CERT KEY ORG COUNT LEAVES");
    const struct http_tls tls = {argv[3], argv[4], argv[5]};
    const struct key_name mac_name = {.patient = leaf_producer_id(STR(SERVICE)), .domain = "mac"};
    struct key_name dek_name = {.org = load.org, .domain = "audit"};
    char shard[LEAF_SHARD_MAX];

    leaf_shard(clock_real_us(), shard);
    dek_name.patient = leaf_shard_id(str_of(shard));
    struct keys *keys = keys_new(argv[2], &tls, 16);
    if (keys_to_seal(keys, &mac_name, &load.mac_key) != ERR_OK ||
        keys_to_seal(keys, &dek_name, &load.dek) != ERR_OK)
        die("keyd");
    load.leaves = fopen(argv[8], "we");
    if (!load.leaves) die(argv[8]);
    load.producer = producer_new(SERVICE, argv[1], &tls);
    send_all(count);
    producer_free(load.producer);
    keys_free(keys);
    if (fclose(load.leaves) != 0) die(argv[8]);
    return 0;
}
