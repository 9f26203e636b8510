/* The tables as they are compiled into every service, and what they decide. */
#include "common/app/policy.h"
#include "common/codec/json.h"

#include <assert.h>

static const struct {
    const char *word;
    enum purpose purpose;
} roles[ROLES] = {
#define ROLE(name, word, purpose) [ROLE_##name] = {word, PURPOSE_##purpose},
#include "common/app/roles.def"
#undef ROLE
};

static const struct permission_info permissions[PERMISSIONS] = {
    [PERMISSION_NONE] = {.name = "PERMISSION_NONE"},
    [SERVICE_ONLY] = {.name = "SERVICE_ONLY"},
    [PASS_ON] = {.name = "PASS_ON"},
#define PERM(name, pat, prx, gst, dsk, nrs, cli, pha, bil, aud, prv, adm, api, factor, purpose,     \
             consent)                                                                              \
    [name] = {#name, {pat, prx, gst, dsk, nrs, cli, pha, bil, aud, prv, adm, api}, factor,         \
              PURPOSE_##purpose, CONSENT_##consent},
#include "common/app/permissions.def"
#undef PERM
};

static const char *const purposes[PURPOSES] = {
#define PURPOSE(code, about) [PURPOSE_##code] = #code,
#include "common/app/purposes.def"
#undef PURPOSE
};

static const struct {
    const char *word;
    enum { WHOLE, PARTED } parts;
    const char *left;
} consents[CONSENTS] = {
#define CONSENT(name, word, parts, left) [CONSENT_##name] = {word, parts, left},
#include "common/app/consents.def"
#undef CONSENT
};

static const struct relation_info relations[RELATIONS] = {
#define RELATION(name, word, reach, serves, proofs, end, at_most)                                  \
    [RELATION_##name] = {word, reach, serves, proofs, END_##end, at_most},
#include "common/app/relations.def"
#undef RELATION
};

static const struct label_info labels[LABELS] = {
#define LABEL(name, code, pat, prx, gst, dsk, nrs, cli, pha, bil, aud, prv, adm, api, consent)     \
    [LABEL_##name] = {code, {pat, prx, gst, dsk, nrs, cli, pha, bil, aud, prv, adm, api},          \
                      CONSENT_##consent},
#include "common/app/labels.def"
#undef LABEL
};

static const struct {
    const char *word;
    unsigned mark;
    uint8_t shown[ROLES];
} field_sets[FIELD_SETS] = {
#define FIELDS(name, word, pat, prx, gst, dsk, nrs, cli, pha, bil, aud, prv, adm, api)             \
    [FIELDS_##name] = {word, name, {pat, prx, gst, dsk, nrs, cli, pha, bil, aud, prv, adm, api}},
#include "common/app/fields.def"
#undef FIELDS
};

const char *const label_words[] = {
#define LABEL(name, code, ...) code,
#include "common/app/labels.def"
#undef LABEL
    NULL,
};

const char *const consent_words[] = {
#define CONSENT(name, word, ...) word,
#include "common/app/consents.def"
#undef CONSENT
    NULL,
};

const char *const relation_words[] = {
#define RELATION(name, word, ...) word,
#include "common/app/relations.def"
#undef RELATION
    NULL,
};

const char *const policy_words[POLICY_WORDS] = {
    [POLICY_ALLOWED] = "allow",            [POLICY_NO_ROLE] = "no_role",
    [POLICY_NO_LABEL] = "no_label",        [POLICY_NO_RELATION] = "no_relation",
    [POLICY_NO_CONSENT] = "no_consent",    [POLICY_NO_FACTOR] = "no_second_factor",
};

const struct permission_info *permission_info(enum permission permission)
{
    assert(permission < PERMISSIONS);
    return &permissions[permission];
}

const struct label_info *label_info(enum label label)
{
    return &labels[label];
}

const struct relation_info *relation_info(enum relation_kind kind)
{
    return &relations[kind];
}

bool field_set_shown(enum field_set set, enum role role)
{
    return role >= ROLES || field_sets[set].shown[role] == SHOW;
}

const char *field_set_word(enum field_set set)
{
    return field_sets[set].word;
}

const char *role_word(enum role role)
{
    return role < ROLES ? roles[role].word : "service";
}

const char *purpose_code(enum purpose purpose)
{
    return purposes[purpose];
}

const char *consent_word(enum consent consent)
{
    assert(consent < CONSENTS);
    return consents[consent].word;
}

bool consent_is_parted(enum consent consent)
{
    return consents[consent].parts == PARTED;
}

const char *consent_left(enum consent consent)
{
    return consents[consent].left;
}

bool role_parse(struct str word, enum role *ret_role)
{
    for (enum role role = 0; role < ROLES; role++) {
        if (!str_is(word, roles[role].word)) continue;

        *ret_role = role;
        return true;
    }
    return false;
}

/* In capitals, as in the table. */
bool permission_parse(struct str word, enum permission *ret_permission)
{
    for (enum permission at = PASS_ON + 1; at < PERMISSIONS; at++) {
        if (!str_is(word, permissions[at].name)) continue;

        *ret_permission = at;
        return true;
    }
    return false;
}

bool relation_parse(struct str word, enum relation_kind *ret_kind)
{
    for (enum relation_kind kind = 0; kind < RELATIONS; kind++) {
        if (!str_is(word, relations[kind].word)) continue;

        *ret_kind = kind;
        return true;
    }
    return false;
}

bool consent_parse(struct str word, enum consent *ret_consent)
{
    for (enum consent consent = CONSENT_NONE + 1; consent < CONSENTS; consent++) {
        if (!str_is(word, consents[consent].word)) continue;

        *ret_consent = consent;
        return true;
    }
    return false;
}

bool policy_lists(const char *list, struct str word)
{
    struct str rest = str_of(list), each;

    while (str_next(&rest, ' ', &each)) {
        if (str_equal(each, word)) return true;
    }
    return false;
}

unsigned policy_kinds(unsigned reach)
{
    unsigned kinds = 0;

    for (enum relation_kind kind = 0; kind < RELATIONS; kind++)
        if (relations[kind].reach & reach) kinds |= POLICY_BIT(kind);
    return kinds;
}

struct strs policy_kind_words(struct arena *arena, unsigned kinds)
{
    struct str *words = ARENA_ARRAY(arena, struct str, RELATIONS);
    size_t n = 0;

    for (enum relation_kind kind = 0; kind < RELATIONS; kind++) {
        if (kinds & POLICY_BIT(kind)) words[n++] = str_of(relation_words[kind]);
    }
    return (struct strs){words, n};
}

/* ---- scopes ---- */

#define SCOPE "may:"

/* READ_VISIT is may:read_visit. */
static bool scope_names(struct str word, const char *permission)
{
    const size_t n = strlen(permission);

    if (word.n != n) return false;
    for (size_t i = 0; i < n; i++) {
        const char small = permission[i] == '_' ? '_' : (char)(permission[i] | 0x20);

        if (word.p[i] != small) return false;
    }
    return true;
}

static void scope_add(struct scopes *scopes, struct str word)
{
    for (enum permission at = PASS_ON + 1; at < PERMISSIONS; at++)
        if (scope_names(word, permissions[at].name)) scopes->set[at / 64] |= 1ull << at % 64;
}

struct scopes policy_scopes(struct str text)
{
    struct scopes scopes = {0};
    struct str word;

    while (str_next(&text, ' ', &word)) {
        if (!str_starts(word, SCOPE)) continue;
        scopes.narrow = true;
        scope_add(&scopes, (struct str){word.p + strlen(SCOPE), word.n - strlen(SCOPE)});
    }
    return scopes;
}

bool policy_in_scope(const struct scopes *scopes, enum permission permission)
{
    return !scopes->narrow || scopes->set[permission / 64] >> permission % 64 & 1;
}

enum purpose policy_purpose(enum role role, enum permission permission)
{
    const enum purpose own = permission_info(permission)->purpose;

    if (role >= ROLES) return PURPOSE_HOPERAT;
    return own == PURPOSE_BY_ROLE ? roles[role].purpose : own;
}

unsigned policy_hidden(enum role role)
{
    unsigned marks = 0;

    for (enum field_set set = 0; set < FIELD_SETS; set++)
        if (!field_set_shown(set, role)) marks |= field_sets[set].mark;
    return marks;
}

/* ---- the decision ---- */

/* A wide reach holds the narrower ones, so that what two cells share is what both have. */
static unsigned widen(unsigned reach)
{
    if (reach & ANY) return ANY | SITE | CARE | BTG | GST | PRX | OWN;
    return reach & SITE ? SITE | CARE | BTG : reach & (OWN | PRX | CARE | BTG | GST);
}

static unsigned narrow(unsigned shared)
{
    if (shared & ANY) return ANY;
    return shared & SITE ? SITE : shared;
}

/* By one label; what it asks for is added to @need. */
static void need_label(struct policy_need *need, enum label label, const struct policy_ask *ask)
{
    const unsigned cell = labels[label].reach[ask->role];

    need->reach = narrow(widen(need->reach) & widen(cell));
    if ((cell & MINE) == MINE && !ask->mine) need->reach = NO;
    if ((cell & ASK) == ASK) need->consents |= POLICY_BIT(labels[label].consent);
}

struct policy_need policy_need(const struct policy_ask *ask)
{
    const struct permission_info *const info = permission_info(ask->permission);
    struct policy_need need = {.factor = info->factor, .consent = info->consent};

    if (ask->role >= ROLES) { /* a service, which acts for nobody */
        need.reach = ANY;
        need.factor = PLAIN;
        return need;
    }
    need.reach = info->reach[ask->role];
    if (need.reach == NO) need.word = POLICY_NO_ROLE;
    for (enum label label = 0; need.reach != NO && label < LABELS; label++) {
        if (ask->labels & POLICY_BIT(label)) need_label(&need, label, ask);
        if (need.reach == NO) need.word = POLICY_NO_LABEL;
    }
    need.site = (need.reach & SITE) != 0;
    need.kinds = policy_kinds(need.reach);
    return need;
}

/* The first of a set, or -1. */
static int first_of(unsigned set)
{
    return __builtin_ffs((int)set) - 1;
}

struct policy_verdict policy_decide(const struct policy_ask *ask, const struct policy_facts *facts)
{
    const struct policy_need need = policy_need(ask);
    const unsigned asked = need.consents | (need.consent ? POLICY_BIT(need.consent) : 0);
    const int missing = first_of(asked & ~facts->consents);
    struct policy_verdict verdict = {
        .word = need.word,
        .kind = first_of(facts->kinds & need.kinds),
        .consent = missing >= 0 ? missing : asked ? first_of(asked) : 0,
    };

    if (need.word != POLICY_ALLOWED)
        verdict.kind = -1;
    else if (need.factor == FRESH && !facts->fresh)
        verdict.word = POLICY_NO_FACTOR;
    else if (!(need.reach & ANY) && verdict.kind < 0 && !(need.site && facts->known))
        verdict.word = POLICY_NO_RELATION;
    else if (missing >= 0)
        verdict.word = POLICY_NO_CONSENT;
    if (verdict.word != POLICY_ALLOWED && verdict.word != POLICY_NO_CONSENT) verdict.consent = 0;
    return verdict;
}

unsigned policy_unlisted(enum role role, enum permission permission, bool near)
{
    unsigned set = 0;

    if (role >= ROLES) return 0;
    for (enum label label = 0; label < LABELS; label++) {
        const struct policy_ask ask = {role, permission, POLICY_BIT(label), false};
        const struct policy_need need = policy_need(&ask);

        if (need.reach == NO || need.consents || !(near || need.reach & (SITE | ANY)))
            set |= POLICY_BIT(label);
    }
    return set;
}
