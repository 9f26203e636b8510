#include "common/base/secret.h"
#include "common/base/sanitizer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

/* The leak checker of the sanitizers attaches with ptrace, which a process that is not dumpable
 * refuses. */
#define DUMPABLE SANITIZES_ADDRESSES

#define POOL_BYTES 512
#define STACK_BYTES (32 * 1024) /* the deepest that calls of OpenSSL and libpq were seen to go */

/* Handed out from the end; what is handed out is wiped here. */
static _Thread_local struct {
    uint8_t bytes[POOL_BYTES];
    size_t left;
} pool;

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "secret: %s: %s\n", what, strerror(errno));
    abort();
}

void secret_wipe(void *p, size_t n)
{
    if (n) explicit_bzero(p, n);
}

/* Registers are saved there, too, by ways that no code of ours sees. */
__attribute__((noinline)) void secret_wipe_stack(void)
{
    uint8_t dead[STACK_BYTES];

    secret_wipe(dead, sizeof dead);
}

bool secret_equal(const void *a, const void *b, size_t n)
{
    const volatile uint8_t *left = a, *right = b;
    uint8_t differ = 0;

    for (size_t i = 0; i < n; i++) differ = (uint8_t)(differ | (left[i] ^ right[i]));
    return differ == 0;
}

static void fill(uint8_t *p, size_t n)
{
    while (n) {
        const ssize_t got = getrandom(p, n, 0);

        if (got < 0 && errno != EINTR) die("getrandom");
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
}

/* Only the forking thread lives on in the child: without this both would draw the same bytes. */
static void forget_pool(void)
{
    secret_wipe(&pool, sizeof pool);
}

static void watch_fork(void)
{
    if (pthread_atfork(NULL, NULL, forget_pool) != 0) die("pthread_atfork");
}

void secret_random(void *p, size_t n)
{
    if (n > POOL_BYTES) {
        fill(p, n);
        return;
    }
    if (pool.left < n) {
        pthread_once(&fork_once, watch_fork);
        fill(pool.bytes, POOL_BYTES);
        pool.left = POOL_BYTES;
    }
    if (n == 0) return;
    pool.left -= n;
    memcpy(p, pool.bytes + pool.left, n);
    secret_wipe(pool.bytes + pool.left, n);
}

void secret_harden(void)
{
    const struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) != 0) die("setrlimit");
    if (!DUMPABLE && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) die("prctl");
}

static _Atomic bool unlocked; /* some pages are not */

bool secret_locked(void)
{
    return !unlocked;
}

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_to_pages(size_t n)
{
    return (n + page_bytes() - 1) / page_bytes() * page_bytes();
}

void *secret_alloc(size_t n)
{
    const size_t page = page_bytes(), inner = round_to_pages(n ? n : 1);
    uint8_t *outer = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (outer == MAP_FAILED) die("mmap");
    if (mprotect(outer + page, inner, PROT_READ | PROT_WRITE) != 0) die("mprotect");
    /* Best effort: a small RLIMIT_MEMLOCK must not keep a service from starting. */
    if (mlock(outer + page, inner) != 0) {
        if (errno != ENOMEM && errno != EPERM && errno != EAGAIN) die("mlock");
        unlocked = true;
    }
    if (madvise(outer + page, inner, MADV_DONTDUMP) != 0) die("madvise");
    return outer + page;
}

void secret_free(void *p, size_t n)
{
    const size_t page = page_bytes(), inner = round_to_pages(n ? n : 1);

    if (!p) return;
    secret_wipe(p, inner);
    if (munmap((uint8_t *)p - page, inner + 2 * page) != 0) die("munmap");
}
