/*
 *            give              revoke
 *   (birth) ──────▶ active ───────────▶ revoked
 *                     │ expire: its end has come, or a newer wording took its place
 *                     └──────────────▶ expired
 *
 *            ask           approve, by another person         erase: keyd has certified it
 *   (birth) ─────▶ asked ──────────────────────────▶ approved ──────────────────────────▶ erased
 *                    │ refuse
 *                    └────────▶ refused
 *
 *            break               review: by somebody else, with a finding
 *   (birth) ──────▶ to_review ─────────────────────▶ reviewed
 *                     │     ▲ overdue: nobody has, and is told so again
 *                     └─────┘
 */
#include "services/access/access.h"

enum { /* the patient's side, and staff who ask at the desk or in the room */
    WHO = 1u << ROLE_PATIENT | 1u << ROLE_PROXY | 1u << ROLE_FRONT_DESK | 1u << ROLE_NURSE |
          1u << ROLE_CLINICIAN,
    ERASERS = 1u << ROLE_PRIVACY | 1u << ROLE_ADMIN,
};

/* clang-format off */
const struct fsm_row consent_states[] = {
    {"give",   NULL,     "active",  WHO},
    {"revoke", "active", "revoked", WHO},
    {"expire", "active", "expired", 0},
    {0},
};

const struct fsm_row erasure_states[] = {
    {"ask",     NULL,       "asked",    ERASERS},
    {"approve", "asked",    "approved", ERASERS},
    {"refuse",  "asked",    "refused",  ERASERS},
    {"erase",   "approved", "erased",   0},
    {0},
};

const struct fsm_row glass_states[] = {
    {"break",   NULL,        "to_review", 1u << ROLE_CLINICIAN},
    {"review",  "to_review", "reviewed",  1u << ROLE_PRIVACY},
    {"overdue", "to_review", "to_review", 0},
    {0},
};

const struct states access_states[] = {
    {"consent", consent_states},
    {"erasure", erasure_states},
    {"break_glass", glass_states},
    {0},
};
/* clang-format on */
