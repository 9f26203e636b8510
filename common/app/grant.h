/*
 * grant - what is inside the PASETOs: channel and call grants and emergency passes (of access),
 * visit passes (of appointments).
 *
 * A grant opens exactly one visit's channel and call for one person, for ten minutes unless access
 * is set otherwise, and never for longer than its seat's ceiling, whoever signed it. A pass
 * says that a visit is in a state that allows a grant, so that access need not wait for Kafka:
 * check-in and admit answer one, POST /v1/grants takes it.
 *
 * An emergency pass says that its clinician has broken the glass of one patient, for half an hour:
 * what access tells by Kafka as well, so that nobody waits for that in an emergency. It goes with a
 * request in the header Telecura-Emergency, beside the clinician's own token, and is worth nothing
 * in anybody else's hands.
 *
 * All travel as tokens of a signer with a purpose: "grant", "pass" or "emergency"; the payload is
 * JSON by a shape.
 *
 * Threads  any.
 * Errors   ERR_GRANT_EXPIRED for a sound grant that is over: another one may be had. For all else
 *          ERR_GRANT_REQUIRED, and it does not say why.
 */
#pragma once

#include "common/app/signer.h"
#include "common/base/uuid.h"

/* The longest life, by seat; the settings of access stay below. */
#define GRANT_PATIENT_MINUTES_MAX 30
#define GRANT_STAFF_MINUTES_MAX 60

struct grant {
    struct uuid id, org, person, patient, provider, visit;
    struct uuid channel; /* of the visit's chat; call id equals it */
    struct str role;     /* "patient" or "clinician": the seat */
    struct str as;       /* the person's role in the organisation, of those they may have there */
    struct str rights;   /* "chat call" */
    int64_t minted_at_us, ends_at_us;
    int64_t labels;      /* of the visit: labels.def, a bit each */
    bool alone; /* of a guest who came by a one-time link: with it goes no sign-in */
    bool last;  /* none follows: it ends with the consent that it rests on */
};

struct pass {
    struct uuid org, visit, patient, provider;
    int64_t version, labels;
    struct str state;            /* arrived, in_progress */
    int64_t starts_at_us, ends_at_us; /* of the visit */
    int64_t issued_at_us, expires_at_us;
};

struct emergency {
    struct uuid id, org, person, patient; /* id: of the relation */
    int64_t starts_at_us, ends_at_us;
};

struct str grant_mint(struct arena *arena, const struct signer *signer, const struct grant *grant);
struct str pass_mint(struct arena *arena, const struct signer *signer, const struct pass *pass);
struct str emergency_mint(struct arena *arena, const struct signer *signer,
                          const struct emergency *emergency);
/* @public_file: the other service's; read again when it changes. Sound, of the right purpose, in
 * time. */
err_t grant_check(struct arena *arena, const char *public_file, struct str token, int64_t now_us,
                  struct grant *ret_grant);
err_t pass_check(struct arena *arena, const char *public_file, struct str token, int64_t now_us,
                 struct pass *ret_pass);
err_t emergency_check(struct arena *arena, const char *public_file, struct str token,
                      int64_t now_us, struct emergency *ret_emergency);
