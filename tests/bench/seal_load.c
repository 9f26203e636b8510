/*
 * What a sealed record and a verified token cost, beside raw OpenSSL of the same sizes; the inside
 * of seal.py. Each round runs one after the other; times are CPU of this thread.
 *
 *   seal_load SOCKET CA CERT KEY JWKS ISSUER AUDIENCE TOKEN CONNINFO
 *
 * The record goes through act_seal() and act_unseal() with a key that keyd gave, from the packed
 * message to the unpacked one. Raw is AES-256-GCM on contexts that are kept, the same bytes of text
 * and of associated data, nonces counted. The token is verified by auth_claims(), and looked up by
 * auth_actor() once it is known; raw is EVP_DigestVerify of the same bytes and key.
 */
#include "common/app/run.h"
#include "common/base/log.h"
#include "common/io/keys.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <stdlib.h>
#include <time.h>

#define ROUNDS 25
#define RECORDS 2000 /* of a round: 5 ms and more */
#define TOKENS 40

static struct arena *arena;
static struct act act;
static struct auth *auth;
static struct db *db;
static struct str token;

static void must(bool so, const char *what)
{
    if (so) return;
    fprintf(stderr, "seal_load: %s failed\n", what);
    exit(70);
}

static double cpu_ns(void)
{
    struct timespec at;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

/* ---- a record ---- */

static Telecura__V1__PatientPhi phi = TELECURA__V1__PATIENT_PHI__INIT;
static char family_name[] = "Okafor-Lindqvist", given_name[] = "Benedikta",
            birth_date[] = "1984-07-02", phone[] = "+49 30 123 456 78",
            address[] = "7 Mill Lane, 10115 Berlin, Germany";
static size_t text_n, aad_n;

static void record_ours(void)
{
    const struct uuid patient = {{1, 2, 3}};
    struct bytes sealed;

    for (int i = 0; i < RECORDS; i++) {
        must(act_seal(&act, patient, KIND_PATIENT, patient, 1, &phi.base, &sealed) == ERR_OK,
             "seal");
        struct unseal item = {.patient = patient, .row = patient, .kind = KIND_PATIENT,
                              .sealed = sealed, .version = 1};
        must(act_unseal(&act, &item, 1) == ERR_OK && item.message != NULL, "unseal");
        text_n = protobuf_c_message_get_packed_size(&phi.base);
        aad_n = sealed.n - text_n - AEAD_OVERHEAD_BYTES;
        arena_reset(arena);
    }
}

static void record_raw(void)
{
    static EVP_CIPHER_CTX *seal, *open;
    static uint8_t key[32] = {7}, nonce[12], text[1024], sealed[1024], aad[256], tag[16];
    int n;

    if (!seal) {
        seal = EVP_CIPHER_CTX_new();
        open = EVP_CIPHER_CTX_new();
        must(EVP_EncryptInit_ex2(seal, EVP_aes_256_gcm(), key, nonce, NULL) == 1 &&
             EVP_DecryptInit_ex2(open, EVP_aes_256_gcm(), key, nonce, NULL) == 1, "raw");
    }
    for (int i = 0; i < RECORDS; i++) {
        for (size_t b = 0; b < sizeof nonce && ++nonce[b] == 0; b++) {}
        must(EVP_EncryptInit_ex2(seal, NULL, key, nonce, NULL) == 1 &&
             EVP_EncryptUpdate(seal, NULL, &n, aad, (int)aad_n) == 1 &&
             EVP_EncryptUpdate(seal, sealed, &n, text, (int)text_n) == 1 &&
             EVP_EncryptFinal_ex(seal, sealed + n, &n) == 1 &&
             EVP_CIPHER_CTX_ctrl(seal, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1, "raw seal");
        must(EVP_DecryptInit_ex2(open, NULL, key, nonce, NULL) == 1 &&
             EVP_DecryptUpdate(open, NULL, &n, aad, (int)aad_n) == 1 &&
             EVP_DecryptUpdate(open, text, &n, sealed, (int)text_n) == 1 &&
             EVP_CIPHER_CTX_ctrl(open, EVP_CTRL_AEAD_SET_TAG, 16, tag) == 1 &&
             EVP_DecryptFinal_ex(open, text + n, &n) == 1, "raw open");
    }
}

/* ---- a token ---- */

static EVP_PKEY *token_key; /* of the first key of the set */
static uint8_t token_der[128];
static size_t token_der_n, token_signed_n;

/* The set is what the harness wrote: one P-256 key, "x" and "y" of 43 characters. */
static void coordinate(const char *jwks, const char *name, uint8_t *to)
{
    const char *at = strstr(jwks, name);
    size_t n = 0;

    must(at && base64url_decode((struct str){at + strlen(name), 43}, to, &n) && n == 32, "key set");
}

static void token_prepare(const char *jwks_file)
{
    uint8_t point[65] = {4}, raw[64];
    char jwks[4096] = "";
    size_t n = 0;
    FILE *in = fopen(jwks_file, "re");

    must(in && fread(jwks, 1, sizeof jwks - 1, in) > 0, "key set");
    fclose(in);
    coordinate(jwks, "\"x\": \"", point + 1);
    coordinate(jwks, "\"y\": \"", point + 33);
    char group[] = "P-256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    must(ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
         EVP_PKEY_fromdata(ctx, &token_key, EVP_PKEY_PUBLIC_KEY, params) == 1, "key");
    EVP_PKEY_CTX_free(ctx);

    const char *dot = memrchr(token.p, '.', token.n);
    token_signed_n = (size_t)(dot - token.p);
    must(base64url_decode((struct str){dot + 1, token.n - token_signed_n - 1}, raw, &n) && n == 64,
         "signature");
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
    uint8_t *to = token_der;
    token_der_n = (size_t)i2d_ECDSA_SIG(sig, &to);
    ECDSA_SIG_free(sig);
}

static void token_ours(void)
{
    struct jws_claims claims;

    for (int i = 0; i < TOKENS; i++) must(auth_claims(auth, token, &claims) == ERR_OK, "token");
}

static void token_raw(void)
{
    static EVP_MD_CTX *ctx;

    if (!ctx) ctx = EVP_MD_CTX_new();
    for (int i = 0; i < TOKENS; i++) {
        EVP_MD_CTX_reset(ctx);
        must(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, token_key) == 1 &&
             EVP_DigestVerify(ctx, token_der, token_der_n, (const uint8_t *)token.p,
                              token_signed_n) == 1, "raw verify");
    }
}

static void token_known(void)
{
    const struct sign_in who = {.token = token};
    struct actor actor;

    for (int i = 0; i < RECORDS; i++)
        must(auth_actor(auth, db, arena, &who, &actor) == ERR_OK, "actor");
}

/* ---- rounds ---- */

static const struct {
    const char *name;
    void (*run)(void);
    int count;
} parts[] = {
    {"record", record_ours, RECORDS}, {"raw_record", record_raw, RECORDS},
    {"verify", token_ours, TOKENS},   {"raw_verify", token_raw, TOKENS},
    {"known", token_known, RECORDS},
};
#define PARTS (sizeof parts / sizeof *parts)

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static double ns[PARTS][ROUNDS];

    must(argc == 10, "usage");
    log_open("seal_load", LOG_FAULT);
    arena = arena_new(1024 * 1024);
    const struct http_tls tls = {argv[2], argv[3], argv[4]};
    run_set_service("patients", keys_new(argv[1], &tls, 64));
    auth = auth_new(&(struct auth_config){argv[5], argv[6], argv[7]});
    token = str_of(argv[8]);
    db = db_new(argv[9], "bench");
    token_prepare(argv[5]);

    static const struct run run = {.resource = "bench"};
    static struct act_own own = {.run = &run};
    act = (struct act){.org = {{9}}, .who = {.role = ROLE_SERVICE, .service = "patients"},
                       .arena = arena, .own = &own};
    phi.family_name = family_name, phi.given_name = given_name, phi.birth_date = birth_date;
    phi.phone = phone, phi.address = address;

    for (size_t p = 0; p < PARTS; p++) parts[p].run(); /* keys, contexts and caches are warm */
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t p = 0; p < PARTS; p++) {
            const double began = cpu_ns();
            parts[p].run();
            ns[p][round] = (cpu_ns() - began) / parts[p].count;
        }
    }
    printf("{\"text_bytes\":%zu,\"aad_bytes\":%zu", text_n, aad_n);
    for (size_t p = 0; p < PARTS; p++) {
        qsort(ns[p], ROUNDS, sizeof **ns, ascending);
        printf(",\"%s_ns\":%.0f", parts[p].name, ns[p][ROUNDS / 2]);
    }
    puts("}");
    return 0;
}
