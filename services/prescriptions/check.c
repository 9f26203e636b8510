#include "services/prescriptions/check.h"

#include "common/crypto/hash.h"

#define RXNORM "http://www.nlm.nih.gov/research/umls/rxnorm"

/* Two hundred prescriptions are checked and shown at once, each with what was found: no more than
 * this of what people write freely. */
#define ABOUT_CHARS_MAX 100
#define AROUND_BYTES 40 /* of what is cut, before and behind the word that names the drug */
#define ALLERGIES_FOUND_MAX 16
#define MARK_BYTES 4

struct findings {
    struct arena *arena;
    struct str *p;
    size_t n;
};

/* Once, however often. */
static void found(struct findings *to, const char *word, const char *about)
{
    const struct str finding =
        about && *about ? arena_printf(to->arena, "%s: %s", word, about) : str_of(word);

    for (size_t i = 0; i < to->n; i++) {
        if (str_equal(to->p[i], finding)) return;
    }
    to->p[to->n++] = finding;
}

static bool names_class(const struct check *check, const Telecura__V1__CodedPhi *allergy)
{
    for (size_t i = 0; i < check->allergens.n; i++) {
        const struct allergen *at = &check->allergens.p[i];
        if (str_is(at->system, allergy->system) && str_is(at->code, allergy->code)) return true;
    }
    return false;
}

static bool names_ingredient(const struct drug *drug, const Telecura__V1__CodedPhi *allergy)
{
    return strcmp(allergy->system, RXNORM) == 0 && str_is(drug->ingredient, allergy->code);
}

/* For allergies without a code that is known here: the drug or its class in what was written. */
static const char *named_in_words(struct arena *arena, const struct drug *drug,
                                  const Telecura__V1__CodedPhi *allergy)
{
    const char *name = strcasestr(allergy->text, arena_cstr(arena, drug->name));

    return name ? name : strcasestr(allergy->text, arena_cstr(arena, drug->drug_class));
}

static const char *mark_text(struct arena *arena, const struct hash *whole)
{
    char *const text = arena_alloc(arena, 1 + 2 * MARK_BYTES + 1);

    text[0] = '#';
    hex_encode(bytes_of(whole->b, MARK_BYTES), text + 1);
    return text;
}

/* What is long is cut to where it names the drug, if it does, and marked: a reason that covers one
 * text covers no other that looks like it. */
static const char *short_text(struct arena *arena, const char *text, const char *named)
{
    const char *const end = text + str_prefix(str_of(text), ABOUT_CHARS_MAX);
    if (!*end) return text;

    const struct hash whole = hash_sha256(str_bytes(str_of(text)));
    const char *from = named && named + AROUND_BYTES > end ? named - AROUND_BYTES : text;
    from += str_prefix(str_of(from), 0); /* to where a character begins */
    const int n = (int)str_prefix(str_of(from), ABOUT_CHARS_MAX);
    return arena_printf(arena, "%s%.*s… %s", from == text ? "" : "…", n, from,
                        mark_text(arena, &whole)).p;
}

/* What was refuted or entered by mistake endangers nobody. All else counts, in doubt too. */
static bool holds(const Telecura__V1__CodedPhi *allergy)
{
    static const char *const over[] = {"inactive", "resolved", "refuted", "entered-in-error"};

    for (size_t i = 0; i < sizeof over / sizeof *over; i++) {
        if (strcmp(allergy->status, over[i]) == 0) return false;
    }
    return true;
}

/* Those that are not told are counted, and marked as what is cut. */
static void look_for_allergies(const struct check *check, struct findings *to)
{
    struct hash untold = {0};
    size_t more = 0;

    for (size_t i = 0; i < check->allergy_count; i++) {
        const Telecura__V1__CodedPhi *allergy = check->allergies[i];

        if (!holds(allergy)) continue;
        const char *named = named_in_words(to->arena, check->drug, allergy);
        if (!named && !names_ingredient(check->drug, allergy) && !names_class(check, allergy))
            continue;
        if (to->n < ALLERGIES_FOUND_MAX) {
            found(to, "allergy", short_text(to->arena, allergy->text, named));
            continue;
        }
        more++;
        untold = hash_sha256_2(bytes_of(untold.b, HASH_BYTES),
                               str_bytes(str_of(allergy->text)));
    }
    if (more)
        found(to, "unchecked", arena_printf(to->arena, "%zu more allergies %s", more,
                                            mark_text(to->arena, &untold)).p);
}

static void look_for_duplicates(const struct check *check, struct findings *to)
{
    for (size_t i = 0; i < check->in_force_count; i++) {
        const Telecura__V1__PrescriptionPhi *other = check->in_force[i];

        if (str_is(check->drug->ingredient, other->ingredient) ||
            str_is(check->drug->drug_class, other->drug_class))
            found(to, "duplicate", other->drug_text);
    }
}

static void look_at_dose(const struct check *check, struct findings *to)
{
    const struct drug *drug = check->drug;

    if (check->dose_micrograms < drug->dose_min_micrograms) found(to, "dose_low", NULL);
    if (check->dose_micrograms > drug->dose_max_micrograms) found(to, "dose_high", NULL);
    if (check->doses_per_day > drug->daily_max_micrograms / check->dose_micrograms)
        found(to, "daily_dose_high", NULL);
}

struct strs check_run(struct arena *arena, const struct check *check)
{
    const size_t most = check->allergy_count + check->in_force_count + 3;
    struct findings to = {arena, ARENA_ARRAY(arena, struct str, most), 0};

    look_for_allergies(check, &to);
    look_for_duplicates(check, &to);
    look_at_dose(check, &to);
    return (struct strs){to.p, to.n};
}
