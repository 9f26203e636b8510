#include "clients/telectl/telectl.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ARENA_BYTES_MAX (64u * 1024 * 1024)
#define COMMANDS (sizeof commands / sizeof *commands)

/* clang-format off */
static const struct command commands[] = {
    {"status", NULL, NULL, status_show, NULL, "the health and version of every service"},
    {"policy", "matrix", NULL, policy_matrix, NULL, "who may do what, as the services decide it"},
    {"policy", "diff", "OLD", policy_diff, NULL,
     "what has opened and closed since OLD, a file of policy matrix --json; 1: something has"},
    {"policy", "explain", "PERSON ACTION PATIENT", policy_explain, NULL,
     "may they now, and what decides: --label of the row"},
    {"policy", "decide", NULL, policy_cases, NULL,
     "made-up cases, a line each: role action relations labels consents facts"},

    {"audit", "tail", NULL, list_show, &tail_listing, "the newest events"},
    {"audit", "search", NULL, list_show, &search_listing,
     "events by --person --patient --resource --address --action --outcome --from --to"},
    {"audit", "prove", "EVENT", audit_prove, NULL,
     "its proof (c2sp.org/tlog-proof) in EVENT.tlog-proof or --out, checked"},
    {"audit", "export", "DIR", audit_export, NULL,
     "the suite's log as files, by --shard; --fhir: its events as FHIR, by --patient --agent --from --to"},
    {"audit", "verify", NULL, audit_verify, NULL,
     "checks the log: --dir an exported one, else the suite's; --checkpoint one that was kept"},

    {"audit", "browsing", NULL, list_show, &browsing_listing,
     "who was seen to leaf through many records"},
    {"audit", "incidents", NULL, list_show, &incidents_listing,
     "what was heard and not believed, who fell silent, whose records do not come"},
    {"audit", "holds", NULL, list_show, &holds_listing, "what must be kept, and why"},
    {"audit", "destructions", NULL, list_show, &destructions_listing,
     "whose keys were to go, who wanted it, what has gone"},
    {"audit", "hold", NULL, deed_do, NULL,
     "a legal hold of the log, or of a --shard, or of what tells of a --patient: --reason"},
    {"audit", "lift", "HOLD", deed_do, NULL, "ends a hold: --reason"},
    {"audit", "destroy", "SHARD", deed_do, NULL, "asks that the keys of a half year be destroyed"},
    {"audit", "approve", "DESTRUCTION", deed_do, NULL, "by somebody else than who asked; for ever"},
    {"audit", "withdraw", "DESTRUCTION", deed_do, NULL, "it is not to happen"},

    {"report", "access", "PATIENT", list_show, &access_listing,
     "who did what with a record, when and why: --from --to"},
    {"report", "disclosures", "PATIENT", list_show, &disclosures_listing,
     "what went to whom outside the practice: --from --to"},
    {"access-review", NULL, NULL, list_show, &review_listing,
     "who has which role, to how many patients, and when they last did anything"},
    {"breach", "scope", NULL, breach_scope, &breach_listing,
     "whose data did a --person, --token, --sign-in or --address reach, --from --to; a --key, ever"},

    {"keys", "status", NULL, deed_do, NULL, "the provider of KEKs, their versions, what stands under each"},
    {"keys", "rotate", NULL, deed_do, NULL, "a new KEK; the old one goes when nothing stands under it"},
    {"keys", "renew", "PATIENT", deed_do, NULL, "new data keys for a patient: --domain"},
    {"keys", "renew", NULL, deed_do, NULL, "for staff, search or the log: --domain idx, audit, mac"},
    {"hold", "list", NULL, deed_do, NULL, "legal holds"},
    {"hold", "place", "PATIENT", deed_do, NULL, "a legal hold: nobody can erase them: --reason"},
    {"hold", "release", "HOLD", deed_do, NULL, "ends a hold"},
    {"erase", "list", NULL, deed_do, NULL, "who is to be erased and who was, with certificates"},
    {"erase", "ask", "PATIENT", deed_do, NULL, "asks that a patient be erased: --reason"},
    {"erase", "approve", "ERASURE", deed_do, NULL, "by somebody else than who asked; for ever"},
    {"erase", "refuse", "ERASURE", deed_do, NULL, "it is not to happen"},
    {"erase", "show", "ERASURE", deed_do, NULL, "one of them, with its certificate"},
    {"breakglass", "list", NULL, deed_do, NULL, "emergency accesses that wait for their review"},
    {"breakglass", "show", "GLASS", deed_do, NULL, "one of them, with its words"},
    {"breakglass", "end", "GLASS", deed_do, NULL, "ends one that runs"},
    {"breakglass", "review", "GLASS", deed_do, NULL, "closes it, by somebody else: --finding --text"},
    {"consent", "list", "PATIENT", deed_do, NULL, "what they have agreed to, and what it does now"},
    {"consent", "revoke", "CONSENT", deed_do, NULL, "takes it back, live calls too, within two seconds"},

    {"controls", "evidence", NULL, controls_evidence, NULL,
     "runs the tests of docs/compliance/controls.def; a signed bundle in --out, by --sign"},
};

static const struct {
    const char *word, *about;
} words[] = {
#define OPTION(name, word, in_query, about) {word, about},
#include "clients/telectl/options.def"
#undef OPTION
};
/* clang-format on */

int trouble(const char *cause, const char *mend, ...)
{
    va_list args;

    va_start(args, mend);
    fputs("telectl: ", stderr);
    vfprintf(stderr, cause, args);
    va_end(args);
    fprintf(stderr, "\n    Fix: %s\n", mend);
    return UNWELL;
}

static const char *or_nothing(const char *text)
{
    return text ? text : "";
}

static int usage(void)
{
    fputs("usage: telectl COMMAND [--OPTION VALUE]...\n\n", stderr);
    for (size_t i = 0; i < COMMANDS; i++) {
        const struct command *const c = &commands[i];

        fprintf(stderr, "  %-14s%-12s%-8s %s\n", c->noun, or_nothing(c->verb),
                or_nothing(c->operand), c->about);
    }
    fputs("\noptions\n", stderr);
    for (int i = 0; i < OPTION_WORDS; i++)
        fprintf(stderr, "  --%-12s%s\n", words[i].word, words[i].about + (*words[i].about == '-'));
    fputs("\nWhat asks the suite does so with the access token in TELECURA_TOKEN. Example:\n"
          "  TELECURA_TOKEN=$(python3 deploy/local/login.py --acr 2 pri) telectl audit tail\n",
          stderr);
    return WRONG_CALL;
}

static int operands_of(const struct command *command)
{
    int count = command->operand != NULL;

    for (const char *c = or_nothing(command->operand); *c; c++) count += *c == ' ';
    return count;
}

static bool is_named(const struct command *command, int count, char *const *word)
{
    const int names = command->verb ? 2 : 1;

    return count == names + operands_of(command) && strcmp(word[0], command->noun) == 0 &&
           (!command->verb || strcmp(word[1], command->verb) == 0);
}

static int call_run(struct call *call, int count, char *const *word)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (!is_named(&commands[i], count, word)) continue;
        call->command = &commands[i];
        call->operands = word + count - operands_of(&commands[i]);
        call->operand = commands[i].operand ? call->operands[0] : NULL;
        return commands[i].run(call);
    }
    return usage();
}

int main(int argc, char **argv)
{
    struct option known[OPTION_WORDS + 1] = {{0}};
    struct call call = {.with[WITH_RUN] = ".run"};

    for (int i = 0; i < OPTION_WORDS; i++)
        known[i] = (struct option){words[i].word, *words[i].about != '-', NULL, i};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c < 0 || c >= OPTION_WORDS) return usage();
        call.with[c] = optarg ? optarg : "";
    }
    call.arena = arena_new(ARENA_BYTES_MAX);
    const int result = call_run(&call, argc - optind, argv + optind);
    arena_free(call.arena);
    return result;
}
