#include "services/access/access.h"

/* clang-format off */
const struct route access_routes[] = {
    {GET, "/v1/openapi.json", PERMISSION_NONE, AUDIT_NONE, NULL, 2000, openapi_read,
     .about = "This document."},

    {GET, "/v1/me", BIND_SELF, AUDIT_SELF_READ, NULL, 2000, me_read, .reply = &me_shape,
     .about = "Who the sign-in is, in every organisation; no memberships: a first sign-in."},
    {POST, "/v1/me/bind", BIND_SELF, AUDIT_SELF_BOUND, &bind_shape, 2000, me_bind, .reply = &me_shape,
     .about = "Binds this sign-in to the record that staff made, by a one-time code."},

    {POST, "/v1/people", ENROL_PATIENT, AUDIT_PERSON_ENROLLED, &enrolment_shape, 2000, person_enrol,
     .again = person_read, .reply = &person_shape,
     .about = "A new person with a one-time sign-in code, shown only here."},
    {GET, "/v1/people", READ_PEOPLE, AUDIT_PEOPLE_READ, &people_query_shape, 2000, people_list,
     .reply = &person_shape, .list = true,
     .about = "Staff, and the patients that the caller may see; patients see clinicians and themselves."},
    {GET, "/v1/people/{id}", READ_PEOPLE, AUDIT_PEOPLE_READ, NULL, 2000, person_read,
     .reply = &person_shape},
    {POST, "/v1/people/{id}/disable", MANAGE_PEOPLE, AUDIT_PERSON_DISABLED, NULL, 2000, person_disable,
     .reply = &person_shape, .about = "Ends the person's tokens, grants and sockets here."},
    {POST, "/v1/people/{id}/code", ENROL_PATIENT, AUDIT_CODE_ISSUED, NULL, 2000, person_code,
     .reply = &code_shape, .about = "A new sign-in code for who has not signed in yet; the former ends."},

    {POST, "/v1/relations", MANAGE_RELATIONS, AUDIT_RELATION_OPENED, &relation_ask_shape, 2000,
     relation_open, .again = relation_read, .reply = &relation_shape,
     .about = "A proxy for a patient, or staff who treat, cover or belong to their care team."},
    {GET, "/v1/relations", READ_RELATIONS, AUDIT_RELATIONS_READ, &relations_query_shape, 2000,
     relations_read, .reply = &relation_shape, .list = true},
    {GET, "/v1/relations/{id}", READ_RELATIONS, AUDIT_RELATIONS_READ, NULL, 2000, relation_read,
     .reply = &relation_shape},
    {POST, "/v1/relations/{id}/close", MANAGE_RELATIONS, AUDIT_RELATION_CLOSED, NULL, 2000,
     relation_close, .reply = &relation_shape},

    {GET, "/v1/consents/documents", READ_SELF, AUDIT_NONE, &documents_query_shape, 2000, documents_read,
     .reply = &document_shape, .list = true, .about = "The current texts, to be shown before asking."},
    {POST, "/v1/consents", GIVE_CONSENT, AUDIT_CONSENT_GIVEN, &consent_ask_shape, 2000, consent_give,
     .again = consent_read, .reply = &consent_shape,
     .about = "By the version that was shown; 409 when a newer text is there or consent was given."},
    {GET, "/v1/consents", READ_CONSENT, AUDIT_CONSENTS_READ, &consents_query_shape, 2000, consents_read,
     .reply = &consent_shape, .list = true},
    {GET, "/v1/consents/{id}", READ_CONSENT, AUDIT_CONSENTS_READ, NULL, 2000, consent_read,
     .reply = &consent_shape},
    {POST, "/v1/consents/{id}/revoke", GIVE_CONSENT, AUDIT_CONSENT_REVOKED, NULL, 2000, consent_revoke,
     .reply = &consent_shape, .about = "Ends what rests on it, live calls too, within two seconds."},

    {POST, "/v1/grants", MINT_GRANT, AUDIT_GRANT_MINTED, &grant_ask_shape, 2000, grant_make,
     .again = grant_read, .reply = &grant_shape,
     .about = "Opens one visit's channel and call for ten minutes, by a visit pass or a visit's id."},
    {GET, "/v1/grants/{id}", MINT_GRANT, AUDIT_GRANT_READ, NULL, 2000, grant_read, .reply = &grant_shape,
     .about = "One's own grant again, as long as what it rests on holds."},
    {POST, "/v1/grants/{id}/revoke", REVOKE_GRANT, AUDIT_GRANT_REVOKED, NULL, 2000, grant_revoke,
     .reply = &grant_end_shape, .about = "Ends its live sockets within two seconds."},

    {GET, "/v1/sites", READ_SELF, AUDIT_NONE, NULL, 2000, sites_read, .reply = &site_shape, .list = true},

    {GET, "/*", PERMISSION_NONE, AUDIT_NONE, NULL, 2000, portal_read, .about = "The portal's files."},
    {0},
};
/* clang-format on */
