#include "services/audit/audit.h"

/* Twelve heartbeats. A service that is started anew (its migrations, its relay's lease of 3 s) and
 * consumers that share Kafka's partitions anew are heard again within one minute. */
#define SILENT_S "120"

#define AT(member) offsetof(struct audit_settings, member)

const struct setting audit_setting_rows[] = {
    {"db_head", SETTING_SECRET, AT(db_head), NULL, 0, 0,
     "libpq connection of the role that alone moves the head of a log."},
    {"log_dir", SETTING_PLACE, AT(log_dir), NULL, 0, 0,
     "Folder of the logs, one below it for each organisation."},
    {"heads_dir", SETTING_PLACE, AT(heads_dir), "", 0, 0,
     "Folder of the files that only grow, one below it for each organisation: where no restore of "
     "log_dir or database reaches. Empty: log_dir."},
    {"log_key", SETTING_PLACE, AT(log_key), NULL, 0, 0,
     "File of the key that signs checkpoints; made at the first start."},
    {"retention_years", SETTING_INT, AT(retention_years), "6", 6, 100,
     "For so many years after its half year a shard's bodies can be opened (45 CFR 164.316(b)(2)(i))."},
    {"silent_s", SETTING_INT, AT(silent_s), SILENT_S, 3, 86400,
     "A producer that tells nothing for so many seconds (a heartbeat comes each audit_heartbeat_s), "
     "or whose records do not come for so long, is an incident."},
    {"glass_patients_max", SETTING_INT, AT(glass_patients_max), "3", 1, 1000000,
     "Whoever breaks the glass of so many patients within a day is told of to privacy."},
    {"browsed_patients_max", SETTING_INT, AT(browsed_patients_max), "200", 1, 1000000,
     "Whoever does anything with so many patients' data within a day is told of to privacy."},
    {"default_org", SETTING_UUID, AT(default_org), "", 0, 0,
     "Organisation whose log answers at /v1/audit/checkpoint; empty: the only one there is."},
    {0},
};
