/* Whatever bytes come as a proof (c2sp.org/tlog-proof): no harm is done, none holds without our
 * checkpoint, and above it only the one spelling of each entry's own. */
#include "clients/audit-verify/verify.h"
#include "tree.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE 5

static struct str heads[SIZE], signed_tree;
static struct signers signers;
static char path[32];
static int file;

static struct str head_of(struct arena *arena, const struct merkle_tree *tree, uint64_t index)
{
    struct hash hashes[MERKLE_PROOF_MAX];
    char entry[TREE_ENTRY_MAX], line[BASE64_LEN(TREE_ENTRY_MAX + HASH_BYTES)];
    size_t n = 0;

    if (merkle_inclusion(tree, index, hashes, &n) != ERR_OK) abort();
    int length = (int)base64_encode(tree_entry(index, entry), line);
    struct str head = arena_printf(arena, "c2sp.org/tlog-proof@v1\nextra %.*s\nindex %d\n", length,
                                   line, (int)index);
    for (size_t i = 0; i < n; i++) {
        length = (int)base64_encode(bytes_of(hashes[i].b, HASH_BYTES), line);
        head = arena_printf(arena, STR_FMT "%.*s\n", STR_ARG(head), length, line);
    }
    return head;
}

static bool holds(struct str head, struct str rest)
{
    if (ftruncate(file, 0) != 0 || pwrite(file, head.p, head.n, 0) != (ssize_t)head.n ||
        pwrite(file, rest.p, rest.n, (off_t)head.n) != (ssize_t)rest.n)
        abort();
    return proof_verify(path, &signers) == 0;
}

static void begin(void)
{
    static struct arena *arena; /* for good */
    struct grown *const grown = tree_grow(SIZE);
    const struct merkle_tree tree = {SIZE, tree_read, grown};
    const struct checkpoint checkpoint = {STR("audit.example/2026h2"), SIZE, grown->roots[SIZE]};

    arena = arena_new(1 << 20);
    signers.log = note_key(checkpoint.origin, sign_key_new_ed25519());
    const struct str note = note_sign(arena, checkpoint_text(arena, &checkpoint), &signers.log);
    signed_tree = arena_printf(arena, "\n" STR_FMT, STR_ARG(note));
    file = memfd_create("proof", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (!freopen("/dev/null", "w", stdout)) abort(); /* where a proof's fault is told */
    for (uint64_t i = 0; i < SIZE; i++) {
        heads[i] = head_of(arena, &tree, i);
        if (!holds(heads[i], signed_tree)) abort();
    }
    free(grown);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n)
{
    const struct str text = {(const char *)input, n};
    bool known = false;

    if (!file) begin();
    for (size_t i = 0; i < SIZE; i++) known |= str_equal(text, heads[i]);
    if (holds(text, STR("")) || (holds(text, signed_tree) && !known)) abort();
    return 0;
}
