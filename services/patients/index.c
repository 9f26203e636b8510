/*
 * Blind indexes: equality search over what is sealed. An index is HMAC-SHA-256, cut to 16 bytes,
 * of a normalised value under a key of the organisation that only this service may ask keyd for.
 * Equal values show as equal to who holds the database, and that is all they show; so nothing of
 * few values (a gender, a birth date alone) is indexed.
 */
#include "services/patients/patients.h"

#include "common/base/secret.h"
#include "common/crypto/hash.h"

#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <wchar.h>
#include <wctype.h>

#define INDEX_BYTES 16

static const struct {
    const char *word; /* goes into the MAC, so that a phone never equals a record number */
    int (*keeps)(wint_t c);
} kinds[INDEXES] = {
    [INDEX_NAME] = {"name", iswalnum},
    [INDEX_MRN] = {"mrn", iswalnum},
    [INDEX_PHONE] = {"phone", iswdigit},
    [INDEX_EMAIL] = {"email", iswgraph},
};

static locale_t unicode;

static void unicode_open(void)
{
    unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

struct str index_normal(struct arena *arena, enum index index, struct str text)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    mbstate_t in = {0}, out = {0};
    size_t n = 0, used;

    pthread_once(&once, unicode_open);
    char *const to = arena_alloc(arena, 2 * text.n + MB_LEN_MAX); /* Ⱥ has two bytes, ⱥ three */
    const locale_t before = uselocale(unicode);
    for (wchar_t c; text.n; text.p += used, text.n -= used) {
        used = mbrtowc(&c, text.p, text.n, &in);
        if (used == 0 || used > text.n) break; /* not UTF-8: a decoded body never comes here */

        const wint_t lower = towlower((wint_t)c);
        if (kinds[index].keeps(lower)) n += wcrtomb(to + n, (wchar_t)lower, &out);
    }
    uselocale(before);
    return (struct str){to, n};
}

static struct bytes mac_of(struct act *act, const struct key *key, enum index index,
                           struct str text)
{
    const struct str bound =
        arena_printf(act->arena, "%s:" STR_FMT, kinds[index].word, STR_ARG(text));
    const struct hash mac = hash_hmac(bytes_of(key->secret, sizeof key->secret), str_bytes(bound));

    return arena_bytes(act->arena, bytes_of(mac.b, INDEX_BYTES));
}

/* A surname alone is shared by too many, and a birth date has few values. */
static struct str name_of(struct act *act, const struct search *given)
{
    const struct str name = index_normal(act->arena, INDEX_NAME, given->family_name);

    if (!name.n || !given->birth_date.n) return STR_NONE;
    return arena_printf(act->arena, STR_FMT ":" STR_FMT, STR_ARG(name), STR_ARG(given->birth_date));
}

err_t index_make(struct act *act, const struct search *given, struct uuid which,
                 struct indexes *ret)
{
    const struct key_name name = {.org = act->org, .domain = "idx"};
    const struct str texts[INDEXES] = {
        [INDEX_NAME] = name_of(act, given),
        [INDEX_MRN] = index_normal(act->arena, INDEX_MRN, given->mrn),
        [INDEX_PHONE] = index_normal(act->arena, INDEX_PHONE, given->phone),
        [INDEX_EMAIL] = index_normal(act->arena, INDEX_EMAIL, given->email),
    };
    struct key key;

    TRY(uuid_is_nil(which) ? keys_to_seal(service_keys(), &name, &key)
                           : keys_to_open(service_keys(), &name, which, &key));
    ret->key = key.id;
    for (enum index i = 0; i < INDEXES; i++)
        ret->of[i] = texts[i].n ? mac_of(act, &key, i, texts[i]) : BYTES_NONE;
    secret_wipe(&key, sizeof key);
    return ERR_OK;
}
