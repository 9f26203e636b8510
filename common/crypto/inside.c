#include "common/crypto/inside.h"

#include "common/base/log.h"
#include "common/base/secret.h"

#include <openssl/err.h>

#include <pthread.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
static EVP_CIPHER *ecb, *gcm;

static _Thread_local struct inside_thread *mine;

void inside_must(int result, const char *file, int line)
{
    if (result == 1) return;
    log_line(LOG_FAULT, "openssl_failed", "%s:%d: error %lx", file, line, ERR_peek_last_error());
    abort();
}

static void thread_free(void *p)
{
    struct inside_thread *thread = p;

    EVP_CIPHER_CTX_free(thread->ecb);
    EVP_CIPHER_CTX_free(thread->gcm_seal);
    EVP_CIPHER_CTX_free(thread->gcm_open);
    secret_wipe(thread, sizeof(*thread));
    free(thread);
    mine = NULL; /* another destructor of this thread may still seal */
}

static void fetch(void)
{
    INSIDE_MUST((ecb = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL)) != NULL);
    INSIDE_MUST((gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL)) != NULL);
    INSIDE_MUST(pthread_key_create(&at_thread_end, thread_free) == 0);
}

static EVP_CIPHER_CTX *cipher_ctx(const EVP_CIPHER *cipher, int sealing)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    INSIDE_MUST(ctx != NULL);
    INSIDE_MUST(EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, sealing, NULL));
    return ctx;
}

static struct inside_thread *thread_new(void)
{
    struct inside_thread *thread = calloc(1, sizeof(*thread));

    INSIDE_MUST(thread != NULL);
    thread->ecb = cipher_ctx(ecb, 1);
    thread->gcm_seal = cipher_ctx(gcm, 1);
    thread->gcm_open = cipher_ctx(gcm, 0);
    INSIDE_MUST(pthread_setspecific(at_thread_end, thread) == 0);
    return thread;
}

struct inside_thread *inside_thread(void)
{
    if (!mine) {
        INSIDE_MUST(pthread_once(&once, fetch) == 0);
        mine = thread_new();
    }
    return mine;
}

void crypto_forget(void)
{
    static const uint8_t zero[AEAD_KEY_BYTES];
    struct inside_thread *thread = mine;

    secret_wipe_stack();
    if (!thread || !thread->keyed) return;
    thread->keyed = false;
    secret_wipe(thread->key, sizeof(thread->key));
    secret_wipe(thread->k1, sizeof(thread->k1));
    thread->committed_n = 0;
    INSIDE_MUST(EVP_CipherInit_ex2(thread->ecb, NULL, zero, NULL, -1, NULL));
    INSIDE_MUST(EVP_CipherInit_ex2(thread->gcm_seal, NULL, zero, zero, -1, NULL));
    INSIDE_MUST(EVP_CipherInit_ex2(thread->gcm_open, NULL, zero, zero, -1, NULL));
}
