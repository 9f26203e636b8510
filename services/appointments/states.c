/*
 *   book -> scheduled --confirm--> confirmed
 *               |                      |
 *               +------ check_in ------+----> arrived --admit--> arrived --start--> in_progress
 *               |                      |         |                                      |
 *               +------- no_show ------+         |                                     end
 *               |                      |         |                                      |
 *               +-------------- cancel ----------+                                  completed
 *
 * reschedule and set_place keep the state. Who was admitted is still `arrived`; admitted_at says
 * so. Whose patient it is and in whose calendar is asked by visit_begin(), when by the statements.
 */
#include "services/appointments/appointments.h"

enum {
    P = 1u << ROLE_PATIENT | 1u << ROLE_PROXY,
    F = 1u << ROLE_FRONT_DESK,
    N = 1u << ROLE_NURSE,
    D = 1u << ROLE_CLINICIAN,
    S = 1u << FSM_SERVICE,
};

/* clang-format off */
const struct fsm_row visit_states[] = {
    {"book",       NULL,          "scheduled",   P | F | N | D},
    {"confirm",    "scheduled",   "confirmed",   P | F | N | D},
    {"reschedule", "scheduled",   "scheduled",   P | F | N | D},
    {"reschedule", "confirmed",   "confirmed",   P | F | N | D},
    {"cancel",     "scheduled",   "cancelled",   P | F | N | D},
    {"cancel",     "confirmed",   "cancelled",   P | F | N | D},
    {"cancel",     "arrived",     "cancelled",   P | F | N | D | S},
    {"set_place",  "scheduled",   "scheduled",   P | F | N},
    {"set_place",  "confirmed",   "confirmed",   P | F | N},
    {"set_place",  "arrived",     "arrived",     P | F | N},
    {"set_place",  "in_progress", "in_progress", P | F | N},
    {"check_in",   "scheduled",   "arrived",     P | F | N},
    {"check_in",   "confirmed",   "arrived",     P | F | N},
    {"admit",      "arrived",     "arrived",     D},
    {"start",      "arrived",     "in_progress", D},
    {"end",        "in_progress", "completed",   D},
    {"no_show",    "scheduled",   "no_show",     F | N | D | S},
    {"no_show",    "confirmed",   "no_show",     F | N | D | S},
    {0},
};

const struct states appointments_states[] = {
    {"visit", visit_states},
    {0},
};
/* clang-format on */
