#include "services/keyd/keyd.h"

#define IN(type, member) offsetof(struct type, member)

const struct shape seal_shape = {"KeyToSeal", sizeof(struct seal_ask), (const struct field[]){
    {"org", UUID, IN(seal_ask, org), 0, 0, 0, NULL, NULL},
    {"patient", UUID, IN(seal_ask, patient), 0, 0, 0, NULL, NULL},
    {"domain", TEXT, IN(seal_ask, domain), REQUIRED, 1, 32, NULL, NULL},
    {0},
}};

const struct shape open_shape = {"KeyToOpen", sizeof(struct open_ask), (const struct field[]){
    {"org", UUID, IN(open_ask, org), 0, 0, 0, NULL, NULL},
    {"patient", UUID, IN(open_ask, patient), 0, 0, 0, NULL, NULL},
    {"domain", TEXT, IN(open_ask, domain), REQUIRED, 1, 32, NULL, NULL},
    {"dek_id", UUID, IN(open_ask, dek_id), REQUIRED, 0, 0, NULL, NULL},
    {0},
}};

const struct shape destroy_shape = {"KeysToDestroy", sizeof(struct destroy_ask), (const struct field[]){
    {"org", UUID, IN(destroy_ask, org), REQUIRED, 0, 0, NULL, NULL},
    {"patient", UUID, IN(destroy_ask, patient), REQUIRED, 0, 0, NULL, NULL},
    {0},
}};

const struct shape key_shape = {"Key", sizeof(struct key_answer), (const struct field[]){
    {"dek_id", UUID, IN(key_answer, dek_id), REQUIRED, 0, 0, NULL, NULL},
    {"key", BYTES, IN(key_answer, key), REQUIRED | PHI, AEAD_KEY_BYTES, AEAD_KEY_BYTES, NULL, NULL},
    {0},
}};

const struct shape destroyed_shape = {"KeysDestroyed", sizeof(struct destroy_answer), (const struct field[]){
    {"destroyed", INT, IN(destroy_answer, destroyed), REQUIRED, 0, INT64_MAX, NULL, NULL},
    {0},
}};
