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
    {"operator_org", SETTING_TEXT, AT(operator_org), "", 0, 0,
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

err_t access_start(void)
{
    TRY(grant_start());
    return bootstrap(service_settings());
}
