/*
 * audit-verify - checks an exported audit log without network, database or trust in us.
 *
 *   audit-verify DIR --key VKEY              a whole shard of a log
 *   audit-verify DIR DIR... --key VKEY       shards that follow each other, the oldest first
 *   audit-verify --proof FILE --key VKEY     one entry, by its c2sp.org/tlog-proof
 *
 *   --checkpoint FILE   one that was kept earlier, of any of these shards: what it was signed for
 *                       is the beginning of what is exported now
 *   --witness VKEY      somebody else who signs checkpoints, and has signed the newest; repeatable
 *
 * DIR is a c2sp.org/tlog-tiles folder: checkpoint, tile/<level>/..., tile/entries/.... It is sound
 * if the checkpoint is signed by VKEY and by nobody that cannot be checked, every entry of every
 * bundle hashes up through every tile to the checkpoint's root, older partial tiles are beginnings
 * of what follows them, and no other file is there. All files are read once, front to back. Without
 * a kept checkpoint a log whose end was cut off is as sound as it was when it ended there.
 *
 * VKEY may be that of any shard of the log: they have one key, each under its own name, which is
 * printed. Shards follow each other if the first entry of each names the last tree of the one
 * before. --vkey is another word for --key.
 *
 * Prints what is wrong, one line each, and exits with 1; with 2 if it was called wrongly.
 */
#include "clients/audit-verify/verify.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct call {
    const char *proof, *checkpoint;
    struct signers signers;
    struct checkpoint kept;
};

/* @v begins with the last tree of @former, whatever else has signed that since. */
static void check_link(struct verifier *v, const struct checkpoint *former)
{
    struct checkpoint linked;

    if (!checkpoint_read_unsigned(v->linked, &linked) ||
        !str_equal(linked.origin, former->origin) || linked.size != former->size ||
        !hash_equal(&linked.root, &former->root))
        fault(v, "tile/entries/000: its first entry does not name the last tree of " STR_FMT,
              STR_ARG(former->origin));
}

static void tell(const struct verifier *v)
{
    const struct checkpoint *const is = &v->checkpoint;

    printf("sound: " STR_FMT ", %" PRIu64 " entries", STR_ARG(is->origin), is->size);
    if (v->kept) printf(", the first %" PRIu64 " as kept", v->kept->size);
    putchar('\n');
}

static int verify_all(char **dirs, int count, const struct call *call)
{
    struct verifier *const all = calloc((size_t)count, sizeof(*all));
    struct arena *arena = arena_new((size_t)(count + 1) << 20);
    uint8_t *const buffers = malloc(2 * BUNDLE_BYTES_MAX);
    const struct checkpoint *const kept = call->checkpoint ? &call->kept : NULL;
    bool compared = !kept;
    unsigned faults = 0;

    if (!all || !buffers) abort();
    for (int i = 0; i < count; i++) {
        struct verifier *const v = &all[i];

        v->arena = arena;
        v->bundle = buffers;
        v->other = buffers + BUNDLE_BYTES_MAX;
        folder_verify(v, dirs[i], &call->signers, i == count - 1, kept);
        if (i && v->checkpoint.size) check_link(v, &v[-1].checkpoint);
        if (v->faults == 0) tell(v);
        faults += v->faults;
        compared |= v->kept != NULL;
    }
    if (!compared)
        printf("%s: of " STR_FMT ", which is not among these\n", call->checkpoint,
               STR_ARG(kept->origin));
    arena_free(arena);
    free(buffers);
    free(all);
    return faults || !compared ? 1 : 0;
}

/* The kept checkpoint. Who else has signed it is the auditor's to know. */
static bool kept_read(struct call *call)
{
    static char text[NOTE_BYTES_MAX];
    FILE *const file = fopen(call->checkpoint, "re");
    const size_t n = file ? fread(text, 1, sizeof(text), file) : 0;
    const struct str note = {text, n};

    const char *const wrong =
        file ? signers_log(note, &call->signers.log, &call->kept) : "cannot be read";
    if (file) fclose(file);
    if (wrong) printf("%s: %s\n", call->checkpoint, wrong);
    return !wrong;
}

static bool key_read(int option, const char *vkey, struct signers *to)
{
    const bool witness = option == 'w';

    if (witness ? to->count == WITNESSES_MAX : to->log.key != NULL) return false;
    if (!note_key_parse(str_of(vkey), witness ? &to->witnesses[to->count] : &to->log)) {
        fprintf(stderr, "audit-verify: not a verifying key\n");
        return false;
    }
    to->count += witness;
    return witness || to->log.type == NOTE_ED25519;
}

static bool call_read(int argc, char **argv, struct call *ret)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},        {"vkey", required_argument, NULL, 'k'},
        {"checkpoint", required_argument, NULL, 'c'}, {"proof", required_argument, NULL, 'p'},
        {"witness", required_argument, NULL, 'w'},    {0},
    };

    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'p')
            ret->proof = optarg;
        else if (option == 'c')
            ret->checkpoint = optarg;
        else if (option == '?' || !key_read(option, optarg, &ret->signers))
            return false;
    }
    /* either a proof or folders; what was kept is compared with folders */
    return ret->signers.log.key && !ret->proof == (optind < argc) &&
           !(ret->proof && ret->checkpoint);
}

int main(int argc, char **argv)
{
    struct call call = {0};
    int status = 2;

    if (!call_read(argc, argv, &call))
        fputs("usage: audit-verify DIR... --key VKEY [--checkpoint FILE] [--witness VKEY]...\n"
              "       audit-verify --proof FILE --key VKEY [--witness VKEY]...\n", stderr);
    else if (call.proof)
        status = proof_verify(call.proof, &call.signers);
    else if (call.checkpoint && !kept_read(&call))
        status = 1;
    else
        status = verify_all(argv + optind, argc - optind, &call);
    sign_key_free(call.signers.log.key);
    while (call.signers.count) sign_key_free(call.signers.witnesses[--call.signers.count].key);
    return status;
}
