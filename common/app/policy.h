/*
 * policy - who may do what with whose data: the tables that a privacy officer reads, and the one
 * decision that is made of them.
 *
 * permissions.def says role x action x relation, roles.def and purposes.def what for, relations.def
 * who stands how to a patient, labels.def and fields.def what of a row is more sensitive. The
 * decision has two halves. policy_need() is of the tables alone: what this role needs for this
 * action on a row with these labels. The rest are facts: which relation holds, which consent was
 * given. act_allow() has PostgreSQL look them up in the transaction that acts (act.sql), where what
 * is missing stops everything behind it; policy_decide() compares with facts that one has, for
 * whoever asks why (GET /v1/policy/decision, `telectl policy decide`).
 *
 * Threads  any: const tables, no state.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/str.h"

enum role {
#define ROLE(name, word, purpose) ROLE_##name,
#include "common/app/roles.def"
#undef ROLE
    ROLES,
    ROLE_SERVICE = ROLES, /* a peer known by its certificate, or this service itself */
};

enum permission {
    PERMISSION_NONE, /* nobody is asked: health, the public log, static files */
    SERVICE_ONLY,    /* a peer service, by its certificate */
    PASS_ON,         /* the token is checked here and passed on to the owner, who decides */
#define PERM(name, ...) name,
#include "common/app/permissions.def"
#undef PERM
    PERMISSIONS,
};

enum purpose {
    PURPOSE_BY_ROLE,
#define PURPOSE(code, about) PURPOSE_##code,
#include "common/app/purposes.def"
#undef PURPOSE
    PURPOSES,
};

enum consent {
    CONSENT_NONE,
#define CONSENT(name, ...) CONSENT_##name,
#include "common/app/consents.def"
#undef CONSENT
    CONSENTS,
};

enum relation_kind {
#define RELATION(name, ...) RELATION_##name,
#include "common/app/relations.def"
#undef RELATION
    RELATIONS,
};

enum label {
#define LABEL(name, ...) LABEL_##name,
#include "common/app/labels.def"
#undef LABEL
    LABELS,
};

enum field_set {
#define FIELDS(name, ...) FIELDS_##name,
#include "common/app/fields.def"
#undef FIELDS
    FIELD_SETS,
};

enum reach {
    NO = 0, OWN = 1, PRX = 2, CARE = 4, SITE = 8, ANY = 16, GST = 32,
    MINE = ANY | 64, ASK = ANY | 128, /* labels.def */
    BTG = 256, URG = CARE | BTG,
};
enum factor { PLAIN, FRESH };
enum shown { HIDE, SHOW };
enum end { END_STAYS, END_DATED, END_MINUTES, END_MAJORITY, END_VISIT, END_AFTER };

#define POLICY_BIT(n) (1u << (n)) /* of sets of the enums above */

struct permission_info {
    const char *name;
    uint16_t reach[ROLES];
    enum factor factor;
    enum purpose purpose;
    enum consent consent;
};

struct label_info {
    const char *code;
    uint16_t reach[ROLES];
    enum consent consent;
};

struct relation_info {
    const char *word;
    enum reach reach;
    const char *serves, *proofs; /* words with a space between them */
    enum end end;
    int at_most; /* days; minutes where it ends by them */
};

const struct permission_info *permission_info(enum permission permission);
const struct label_info *label_info(enum label label);
const struct relation_info *relation_info(enum relation_kind kind);
bool field_set_shown(enum field_set set, enum role role);

const char *role_word(enum role role);
const char *purpose_code(enum purpose purpose);
const char *consent_word(enum consent consent);
/* May be to one recipient or for one purpose alone. */
bool consent_is_parted(enum consent consent);
/* What of a visit is left without it: words with a space between them. */
const char *consent_left(enum consent consent);
const char *field_set_word(enum field_set set);
/* NULL-terminated, for shapes: labels as FLAGS; consents (the first is bit 0) and relations. */
extern const char *const label_words[], *const consent_words[], *const relation_words[];

/* False: there is no such word. */
bool role_parse(struct str word, enum role *ret_role);
bool permission_parse(struct str word, enum permission *ret_permission);
bool relation_parse(struct str word, enum relation_kind *ret_kind);
bool consent_parse(struct str word, enum consent *ret_consent);
/* Is @word one of @list, words with a space between them? */
bool policy_lists(const char *list, struct str word);

/* What a token's scopes leave of its role's actions; they add none. */
struct scopes {
    uint64_t set[2]; /* of permissions */
    bool narrow;     /* there are some: else nothing is left out */
};
_Static_assert(PERMISSIONS <= 128, "a bit for each in struct scopes");
/* Of the words of a claim `scope` those that begin with "may:"; unknown ones open nothing. */
struct scopes policy_scopes(struct str text);
bool policy_in_scope(const struct scopes *scopes, enum permission permission);

/* The relations that a reach opens. */
unsigned policy_kinds(unsigned reach);
/* Their words, for an SQL array. */
struct strs policy_kind_words(struct arena *arena, unsigned kinds);
/* What this role does this for, by the tables. */
enum purpose policy_purpose(enum role role, enum permission permission);
/* Field marks (json.h) of what this role is not shown. */
unsigned policy_hidden(enum role role);

/* ---- the decision ---- */

struct policy_ask {
    enum role role;
    enum permission permission;
    unsigned labels; /* of the row */
    bool mine;       /* whose row it is asks */
};

enum policy_word { /* how it came out */
    POLICY_ALLOWED,
    POLICY_NO_ROLE,     /* the role may not, whoever the patient is */
    POLICY_NO_LABEL,    /* the row is not for this role */
    POLICY_NO_RELATION,
    POLICY_NO_CONSENT,
    POLICY_NO_FACTOR,
    POLICY_WORDS,
};
extern const char *const policy_words[POLICY_WORDS];

struct policy_need {
    enum policy_word word; /* ALLOWED: if the rest holds */
    unsigned reach;        /* narrowed by the labels; ANY: no relation is asked */
    unsigned kinds;        /* relations, one of which must hold; or: */
    bool site;             /* that the patient is one of the organisation's */
    unsigned consents;     /* for the labels: without, there is no such row */
    enum consent consent;  /* for the action */
    enum factor factor;
};

struct policy_facts { /* as they stand at the moment of use */
    unsigned kinds, consents; /* sets */
    bool known;               /* the patient is one of the organisation's */
    bool fresh;               /* a second factor of the last five minutes */
};

struct policy_verdict {
    enum policy_word word;
    int kind;    /* the relation that decided, or -1 */
    int consent; /* the first that is missing or, when allowed, was needed; 0: none */
};

struct policy_need policy_need(const struct policy_ask *ask);
struct policy_verdict policy_decide(const struct policy_ask *ask, const struct policy_facts *facts);

/* Labels whose rows a list must leave out: for patients whom the actor reaches by a relation of
 * their own (@near), and for those whom only the organisation has. What needs a consent or is
 * somebody's own is in neither: it is opened one by one. */
unsigned policy_unlisted(enum role role, enum permission permission, bool near);
