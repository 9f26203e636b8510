/*
 * hash - SHA-256 on the stack (155 ns for a tree's node of 65 bytes, 290 by way of EVP; OpenSSL
 * 3.0.22), and HMAC-SHA-256 of it (RFC 2104).
 *
 * Threads  any. Errors: none; OpenSSL's failure aborts.
 */
#pragma once

#include "common/base/str.h"

#define HASH_BYTES 32

struct hash {
    uint8_t b[HASH_BYTES];
};

struct hash hash_sha256(struct bytes data);
struct hash hash_sha256_2(struct bytes a, struct bytes b);                 /* of a || b */
struct hash hash_sha256_3(struct bytes a, struct bytes b, struct bytes c); /* of a || b || c */
struct hash hash_hmac(struct bytes key, struct bytes data);
struct hash hash_hmac_2(struct bytes key, struct bytes a, struct bytes b);
bool hash_equal(const struct hash *a, const struct hash *b); /* constant time */
