#include "services/access/access.h"

#define AT(member) offsetof(struct access_settings, member)

/* clang-format off */
const struct setting access_setting_rows[] = {
    {"signing_key", SETTING_PLACE, AT(signing_key), NULL, 0, 0,
     "File of the key that signs grants; made at the first start."},
    {"portal_dir", SETTING_PATH, AT(portal_dir), "", 0, 0, "Folder of the portal's files; empty: none."},
    {"openapi", SETTING_PATH, AT(openapi), "", 0, 0, "File that GET /v1/openapi.json answers."},
    {"bootstrap_file", SETTING_PATH, AT(bootstrap_file), "", 0, 0,
     "JSON list of the first organisations and people; who is there already is left alone."},
    {"operator_org", SETTING_UUID, AT(operator_org), "", 0, 0,
     "The organisation whose admins turn the installation's keys; empty: the first that there was."},
    {"grant_minutes", SETTING_INT, AT(grant_minutes), "10", 1, GRANT_PATIENT_MINUTES_MAX,
     "How long a grant of the patient's side lives; it is renewed as long as the sign-in lasts."},
    {"staff_grant_minutes", SETTING_INT, AT(staff_grant_minutes), "10", 1, GRANT_STAFF_MINUTES_MAX,
     "The same for staff."},
    {"retention_days", SETTING_INT, AT(retention_days), "3650", 0, 36500,
     "How long a record is kept after the last visit: nobody is erased before."},
    {"review_days", SETTING_INT, AT(review_days), "3", 1, 30,
     "How long a privacy officer has to review broken glass before they are told again."},
#include "common/app/session_settings.def"
    {.key = NULL},
};
/* clang-format on */

static err_t operator_named(struct act *act)
{
    struct tally known;

    TRY(act_allow_none(act));
    return organisation_known(act, &known);
}

/* Else nobody could turn the installation's keys, and would be told so on the day they have to. */
static err_t operator_check(const struct access_settings *settings)
{
    const struct uuid org = settings->operator_org;

    if (uuid_is_nil(org)) return ERR_OK;
    struct db *const db = db_new(settings->common.db, "access-start");
    const err_t err = service_act(db, org, AUDIT_NONE, operator_named, NULL);
    db_free(db);
    if (err != ERR_NOT_FOUND) return err;
    return err_raise(ERR_BAD_REQUEST,
                     "operator_org: there is no organisation %s; in the database of access, "
                     "SELECT org, name FROM organisation; lists those there are", UUID_ARG(org));
}

err_t access_start(void)
{
    TRY(grant_start());
    TRY(bootstrap(service_settings()));
    return operator_check(service_settings());
}
