/*
 * telectl - what an operator, an auditor or a privacy officer asks the suite.
 *
 * A command is a row in main.c: its words, its function, its listing, its usage. It prints tables
 * to stdout (--json: one object a line), and what went wrong to stderr with the cause and the
 * command that mends it. What it asks of the suite it asks through the gateway, as the person whose
 * access token stands in TELECURA_TOKEN; the services permit, refuse and audit.
 *
 * Exit codes  0 all is well, 1 something is not (it was said), 2 called wrongly.
 */
#pragma once

#include "common/codec/json.h"

enum { WELL = 0, UNWELL = 1, WRONG_CALL = 2 };

#define ANSWER_BYTES_MAX (8u * 1024 * 1024)

enum option_word {
#define OPTION(name, word, in_query, about) WITH_##name,
#include "clients/telectl/options.def"
#undef OPTION
    OPTION_WORDS,
};

struct command;

struct call {
    const struct command *command;
    const char *operand;                /* PATIENT, EVENT, DIR; NULL: the command has none */
    char *const *operands;              /* all of them, where a command has several */
    const char *with[OPTION_WORDS];     /* what each option was given; NULL: not given */
    struct arena *arena;
};

/* A list that a service answers, and how wide each of its columns is printed; 0: in JSON only. */
struct listing {
    const char *path; /* %s: the operand */
    const struct shape *shape;
    const uint8_t *widths;
    int64_t rows_max; /* 0: all pages */
};

struct command {
    const char *noun, *verb, *operand; /* the last two may be NULL; operands: a word each */
    int (*run)(const struct call *call);
    const struct listing *listing;
    const char *about;
};

int status_show(const struct call *call);
int policy_matrix(const struct call *call);
int policy_diff(const struct call *call);
int policy_cases(const struct call *call);
int policy_explain(const struct call *call);
int audit_verify(const struct call *call);
int audit_export(const struct call *call);
int audit_prove(const struct call *call);
int controls_evidence(const struct call *call);
int list_show(const struct call *call);
int breach_scope(const struct call *call);
int deed_do(const struct call *call);

extern const struct listing tail_listing, search_listing, access_listing, disclosures_listing,
    review_listing, breach_listing, browsing_listing, incidents_listing, holds_listing,
    destructions_listing;

/* Runs @path with @words (NULL-terminated); its exit code, or UNWELL after saying why. */
int program_run(struct arena *arena, const char *path, const char *const *words);

/* GET @path (with its query) as the caller: the body of a 200; else false, and it was said. */
bool ask(const struct call *call, struct str path, struct bytes *ret);
/* POST @json to @path, once: the body of a 200 or 201. */
bool ask_to_do(const struct call *call, struct str path, struct str json, struct bytes *ret);
/* "?a=b&c=d" of the options that stand in queries, or "". */
struct str ask_query(const struct call *call, struct str cursor);

/* Prints both lines to stderr; returns UNWELL. */
int trouble(const char *cause, const char *mend, ...) __attribute__((format(printf, 1, 3)));
