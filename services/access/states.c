/*
 *            give              revoke
 *   (birth) ──────▶ active ───────────▶ revoked
 *                     │ expire: its end has come, or a newer wording took its place
 *                     └──────────────▶ expired
 */
#include "services/access/access.h"

enum { /* the patient's side, and staff who ask at the desk or in the room */
    WHO = 1u << ROLE_PATIENT | 1u << ROLE_PROXY | 1u << ROLE_FRONT_DESK | 1u << ROLE_NURSE |
          1u << ROLE_CLINICIAN,
};

/* clang-format off */
const struct fsm_row consent_states[] = {
    {"give",   NULL,     "active",  WHO},
    {"revoke", "active", "revoked", WHO},
    {"expire", "active", "expired", 0},
    {0},
};

const struct states access_states[] = {
    {"consent", consent_states},
    {0},
};
/* clang-format on */
