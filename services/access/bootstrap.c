/*
 * The first organisations and people, from a JSON list that the operator (or `make up`) writes. Who
 * is there already is left alone, so it may be read at every start and half a list is no harm.
 */
#include "common/base/clock.h"
#include "services/access/access.h"

#include <errno.h>

#define BOOTSTRAP_BYTES_MAX ((size_t)1024 * 1024)
#define ARENA_BYTES (4 * BOOTSTRAP_BYTES_MAX)

struct first {
    struct uuid org, patient_id, person_id;
    struct str org_name, role, issuer, subject, display_name, email, phone, language;
    struct list sites;
};

struct firsts {
    struct list people;
};

/* clang-format off */
#define IN(type, member) offsetof(struct type, member)
static const struct field site_fields[] = {
    {"id", UUID, IN(site, id), REQUIRED},
    {"name", TEXT, IN(site, name), REQUIRED, 1, 200},
    {"time_zone", TEXT, IN(site, time_zone), REQUIRED, 1, 64},
    {0},
};
static const struct shape first_site_shape = {"FirstSite", sizeof(struct site), site_fields};

static const struct field first_fields[] = {
    {"org", UUID, IN(first, org), REQUIRED},
    {"org_name", TEXT, IN(first, org_name), REQUIRED, 1, 200},
    {"role", TEXT, IN(first, role), REQUIRED, 1, 32},
    {"issuer", TEXT, IN(first, issuer), REQUIRED, 1, 256},
    {"subject", TEXT, IN(first, subject), REQUIRED, 1, 128},
    {"display_name", TEXT, IN(first, display_name), REQUIRED | PHI, 1, 200},
    {"email", TEXT, IN(first, email), PHI, 3, 254},
    {"phone", TEXT, IN(first, phone), PHI, 3, 32},
    {"language", TEXT, IN(first, language), 0, 2, 35},
    {"patient_id", UUID, IN(first, patient_id), 0},
    {"person_id", UUID, IN(first, person_id), 0},
    {"sites", LIST, IN(first, sites), 0, 0, 50, &first_site_shape},
    {0},
};
static const struct shape first_shape = {"First", sizeof(struct first), first_fields};

static const struct field firsts_fields[] = {
    {"people", LIST, IN(firsts, people), REQUIRED, 0, 1000, &first_shape},
    {0},
};
static const struct shape firsts_shape = {"Firsts", sizeof(struct firsts), firsts_fields};
/* clang-format on */

static err_t first_insert(struct act *act)
{
    const struct first *in = act->in;
    const struct member_known known = {in->issuer, in->subject, in->role};
    const struct organisation_put org = {in->org_name};
    struct newcomer new = {
        .person = in->person_id,
        .patient_id = in->patient_id,
        .role = in->role,
        .issuer = in->issuer,
        .subject = in->subject,
        .display_name = in->display_name,
        .email = in->email,
        .phone = in->phone,
        .language = in->language,
    };
    struct member row;
    enum role role;
    bool found;

    TRY(act_allow_none(act));
    if (!role_parse(in->role, &role)) return ERR_UNPROCESSABLE;
    organisation_put(act, &org);
    const struct site *sites = in->sites.p;
    for (size_t i = 0; i < in->sites.n; i++) {
        site_put(act, &(struct site_put){sites[i].id, sites[i].name, sites[i].time_zone});
    }
    TRY(member_known(act, &known, &row, &found));
    if (found) return ERR_OK;

    if (uuid_is_nil(new.person)) new.person = uuid_v4();
    if (role == ROLE_PATIENT && uuid_is_nil(new.patient_id)) new.patient_id = uuid_v4();
    TRY(person_insert(act, &new, &row));
    act_resource(act, row.person, row.version);
    return ERR_OK;
}

/* The shape wants an object around the list. */
static err_t list_read(const char *file, struct arena *arena, struct firsts *ret)
{
    struct json_fault fault;
    char *text = arena_alloc(arena, BOOTSTRAP_BYTES_MAX);
    FILE *in = fopen(file, "re");

    if (!in) return err_raise(ERR_UNAVAILABLE, "cannot read %s: %s", file, strerror(errno));
    const size_t n = fread(text, 1, BOOTSTRAP_BYTES_MAX, in);
    fclose(in);
    if (n == BOOTSTRAP_BYTES_MAX) return err_raise(ERR_BAD_BODY, "%s is too long", file);
    const struct str whole = arena_printf(arena, "{\"people\":%.*s}", (int)n, text);
    if (json_decode(&firsts_shape, str_bytes(whole), arena, ret, &fault) != ERR_OK) {
        return err_raise(ERR_BAD_BODY, "%s: %s at %s", file, fault.code, fault.pointer);
    }
    return ERR_OK;
}

err_t bootstrap(const struct access_settings *settings)
{
    struct firsts firsts;
    err_t err = ERR_OK;

    if (!*settings->bootstrap_file) return ERR_OK;
    struct arena *arena = arena_new(ARENA_BYTES);
    struct db *db = db_new(settings->common.db, "access-bootstrap");
    err = list_read(settings->bootstrap_file, arena, &firsts);
    const struct first *people = err == ERR_OK ? firsts.people.p : NULL;
    for (size_t i = 0; err == ERR_OK && i < firsts.people.n; i++) {
        err = service_act(db, people[i].org, AUDIT_PERSON_ENROLLED, first_insert, &people[i]);
    }
    if (err != ERR_OK && !err_is_fault(err)) {
        err = err_raise(err, "bootstrap_file: a person was refused: %s", err_info(err)->code);
    }
    db_free(db);
    arena_free(arena);
    return err;
}
