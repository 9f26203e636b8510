#include "services/audit/checkpoint.h"
#include "services/audit/note.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static struct arena *arena;

/* The example of golang.org/x/mod/sumdb/note's documentation: key, secret and note. */
#define VKEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define SEED64 "YEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
#define TEXT                                                                                       \
    "If you think cryptography is the answer to your problem,\n"                                   \
    "then you don't know what your problem is.\n"
#define SIGNATURE                                                                                  \
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
#define LINE "\xe2\x80\x94 PeterNeumann " SIGNATURE "\n"
#define NOTE TEXT "\n" LINE
#define OTHER_LINE "\xe2\x80\x94 somebody.example/else AAAAAAAA\n"

static struct note_key given_key(void)
{
    struct note_key key = {0};

    assert_true(note_key_parse(STR(VKEY), &key));
    return key;
}

static void signs_as_go_does(void **state)
{
    (void)state;
    uint8_t encoded[34];
    size_t n = 0;

    /* Go's secret is base64 of the type and the seed, like the public one */
    assert_true(base64_decode(STR("A" SEED64), encoded, &n));
    assert_int_equal(n, 33);
    struct note_key key = note_key(STR("PeterNeumann"), sign_key_new_seed(encoded + 1));
    assert_int_equal(key.id, 0xc74f20a3);
    assert_true(str_is(note_vkey(arena, &key), VKEY));
    assert_true(str_is(note_sign(arena, STR(TEXT), &key), NOTE));
    sign_key_free(key.key);
}

static void opens_gos_note(void **state)
{
    (void)state;
    struct note_key key = given_key();
    struct note note;

    assert_int_equal(note_open(STR(NOTE), &key, 1, &note), ERR_OK);
    assert_true(str_is(note.text, TEXT));
    assert_int_equal(note.verified, 1);
    assert_int_equal(note.unknown, 0);
    assert_int_equal(note_open(STR(NOTE OTHER_LINE), &key, 1, &note), ERR_OK);
    assert_int_equal(note.unknown, 1);
    sign_key_free(key.key);
}

static const struct {
    const char *why, *note;
} wrong[] = {
    {"nothing", ""},
    {"one newline", "\n"},
    {"only newlines", "\n\n\n"},
    {"no signature", TEXT},
    {"no signature line", TEXT "\n"},
    {"no empty line", TEXT LINE},
    {"unknown signers only", TEXT "\n" OTHER_LINE},
    {"text changed", "i" TEXT "\n" LINE},
    {"text ends earlier", "If you think\n\n" LINE},
    {"an empty line more", TEXT "\n\n" LINE},
    {"no last newline", TEXT "\n\xe2\x80\x94 PeterNeumann " SIGNATURE},
    {"text after", NOTE "x\n"},
    {"empty line after", NOTE "\n"},
    {"carriage return", TEXT "\n\xe2\x80\x94 PeterNeumann " SIGNATURE "\r\n"},
    {"tab in the text", "\t\n" NOTE},
    {"hyphen for the dash", TEXT "\n- PeterNeumann " SIGNATURE "\n"},
    {"no name", TEXT "\n\xe2\x80\x94  " SIGNATURE "\n"},
    {"plus in a name", TEXT "\n\xe2\x80\x94 a+b AAAAAAAA\n" LINE},
    {"two spaces", TEXT "\n\xe2\x80\x94 PeterNeumann  " SIGNATURE "\n"},
    {"no signature text", TEXT "\n\xe2\x80\x94 PeterNeumann \n" LINE},
    {"an id alone", TEXT "\n\xe2\x80\x94 other AAAAAA==\n" LINE},
    {"stray bits", TEXT "\n\xe2\x80\x94 other AAAAAAB=\n" LINE},
    {"no padding", TEXT "\n\xe2\x80\x94 other AAAAAAA\n" LINE},
    {"base64url", TEXT "\n\xe2\x80\x94 other AAAAAAA_\n" LINE},
    {"not UTF-8", "\xff\n" NOTE},
    {"known key, cut signature", TEXT "\n\xe2\x80\x94 PeterNeumann x08go/ZJkuBS\n" LINE},
};

static void refuses_each_wrong_note(void **state)
{
    (void)state;
    struct note_key key = given_key();
    struct note note;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (note_open(str_of(wrong[i].note), &key, 1, &note) != ERR_OK) continue;
        fail_msg("%s", wrong[i].why);
    }
    sign_key_free(key.key);
}

/* Each changed bit of the whole file: the text, the line, and the stray bits of the base64. */
static void refuses_each_flipped_bit(void **state)
{
    (void)state;
    struct note_key key = given_key();
    char *text = arena_cstr(arena, STR(NOTE));
    const struct str changed = {text, strlen(NOTE)};
    struct note note;

    for (size_t bit = 0; bit < 8 * changed.n; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(note_open(changed, &key, 1, &note), ERR_CORRUPT);
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
    }
    sign_key_free(key.key);
}

static void a_wrong_signature_of_ours_spoils_a_right_one(void **state)
{
    (void)state;
    struct note_key keys[2] = {given_key(), note_key(STR("second"), sign_key_new_ed25519())};
    const struct str second = note_sign(arena, STR("another text\n"), &keys[1]);
    const struct str line = {second.p + 14, second.n - 14};
    const struct str both = arena_printf(arena, NOTE STR_FMT, STR_ARG(line));
    struct note note;

    assert_int_equal(note_open(both, keys, 1, &note), ERR_OK); /* by an unknown key */
    assert_int_equal(note_open(both, keys, 2, &note), ERR_CORRUPT);
    sign_key_free(keys[0].key);
    sign_key_free(keys[1].key);
}

static const char *const no_vkeys[] = {
    "", "PeterNeumann", "PeterNeumann+c74f20a3", "PeterNeumann+c74f20a3+",
    "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "PeterNeumann+c74f20+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T=",
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
    /* Go's own bad keys: wrong length, unknown algorithm, both with a hash that fits */
    "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
    "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
};

static void refuses_each_wrong_key(void **state)
{
    (void)state;
    struct note_key key;

    for (size_t i = 0; i < sizeof(no_vkeys) / sizeof(no_vkeys[0]); i++) {
        assert_false(note_key_parse(str_of(no_vkeys[i]), &key));
    }
}

/* c2sp.org/tlog-checkpoint's own example */
#define CHECKPOINT                                                                                 \
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

static void checkpoints_are_written_and_read(void **state)
{
    (void)state;
    struct checkpoint checkpoint;

    assert_true(checkpoint_parse(STR(CHECKPOINT), &checkpoint));
    assert_true(str_is(checkpoint.origin, "example.com/behind-the-sofa"));
    assert_int_equal(checkpoint.size, 20852163);
    assert_int_equal(checkpoint.root.b[0], 0x0a);
    assert_true(str_is(checkpoint_text(arena, &checkpoint), CHECKPOINT));
}

#define ROOT "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

static const char *const no_checkpoints[] = {
    "", "\n", "o\n", "o\n1\n", "o\n1\n" ROOT "extension\n", "o\n1\n" ROOT "\n", "\n1\n" ROOT,
    "o\n\n" ROOT, "o\n01\n" ROOT, "o\n+1\n" ROOT, "o\n-1\n" ROOT, "o\n1 \n" ROOT, "o\n0x1\n" ROOT,
    "o\n9223372036854775808\n" ROOT, "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
    "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n", "o\n1\nCsUYapGGPo4dkMgIAUqo\n",
    "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", "o\r\n1\r\n" ROOT,
};

static void refuses_each_wrong_checkpoint(void **state)
{
    (void)state;
    struct checkpoint checkpoint;

    for (size_t i = 0; i < sizeof(no_checkpoints) / sizeof(no_checkpoints[0]); i++) {
        assert_false(checkpoint_parse(str_of(no_checkpoints[i]), &checkpoint));
    }
}

static int setup(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena = arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_as_go_does),
        cmocka_unit_test(opens_gos_note),
        cmocka_unit_test(refuses_each_wrong_note),
        cmocka_unit_test(refuses_each_flipped_bit),
        cmocka_unit_test(a_wrong_signature_of_ours_spoils_a_right_one),
        cmocka_unit_test(refuses_each_wrong_key),
        cmocka_unit_test(checkpoints_are_written_and_read),
        cmocka_unit_test(refuses_each_wrong_checkpoint),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
