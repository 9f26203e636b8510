#include "services/access/access.h"

#define MAY(role) (1u << ROLE_##role)
#define WHO_CONSENTS (MAY(PATIENT) | MAY(PROXY) | MAY(FRONT_DESK) | MAY(NURSE) | MAY(CLINICIAN))

/*
 *            give              revoke
 *   (birth) ──────▶ active ───────────▶ revoked
 *                     │ expire: its end has come, or a newer wording took its place
 *                     └──────────────▶ expired
 */
/* clang-format off */
const struct fsm_row consent_fsm[] = {
    {"give", NULL, "active", WHO_CONSENTS},
    {"revoke", "active", "revoked", WHO_CONSENTS},
    {"expire", "active", "expired", 0},
    {0},
};

const struct states access_states[] = {
    {"consent", consent_fsm},
    {0},
};
/* clang-format on */
