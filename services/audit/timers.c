#include "services/audit/audit.h"

/* clang-format off */
const struct timer audit_timers[] = {
    {"event_index", 250, &logs_unindexed_stmt, log_index, AUDIT_NONE},
    {"browsing_look", 2000, &logs_unbrowsed_stmt, browsing_look, AUDIT_NONE},
    {"browsing_tell", 1000, &browsings_untold_stmt, browsing_tell, AUDIT_BROWSING_NOTICED},
    {"shard_end_begins", 1000, &destructions_approved_stmt, destruction_start, AUDIT_NONE},
    {"shard_end", 1000, &destructions_due_stmt, shard_destroy, AUDIT_SHARD_DESTROYED},
    {"index_forget", 1000, &destructions_unforgotten_stmt, shard_forget, AUDIT_NONE},
    {0},
};
/* clang-format on */
