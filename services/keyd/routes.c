#include "services/keyd/keyd.h"

/* clang-format off */
const struct route keyd_routes[] = {
    {POST, "/v1/keys/seal", SERVICE_ONLY, AUDIT_KEY_MADE, &seal_shape, 2000, key_seal,
     .reply = &key_shape, .about = "The current key to seal with; made if there is none."},
    {POST, "/v1/keys/open", SERVICE_ONLY, AUDIT_KEY_USED, &open_shape, 2000, key_open,
     .reply = &key_shape, .about = "That key and no other; 404 when it was destroyed."},
    {POST, "/v1/keys/destroy", SERVICE_ONLY, AUDIT_KEY_DESTROYED, &destroy_shape, 2000, key_destroy,
     .reply = &destroyed_shape,
     .about = "Erasure: every key of a patient, but those of the audit trail."},
    {POST, "/v1/keys/destroy_shard", SERVICE_ONLY, AUDIT_KEY_DESTROYED, &destroy_shard_shape, 2000,
     key_destroy_shard, .reply = &destroyed_shape,
     .about = "The end of an audit shard's retention: its keys; for audit alone."},
    {POST, "/v1/keys/status", SERVICE_ONLY, AUDIT_KEYS_READ, &empty_shape, 5000, kek_status,
     .reply = &status_shape,
     .about = "What keeps the KEKs, their versions, what stands under each."},
    {POST, "/v1/keys/rotate", SERVICE_ONLY, AUDIT_KEK_ROTATED, &empty_shape, 15000, kek_rotate,
     .reply = &status_shape,
     .about = "A new KEK; every data key is rewrapped, then the old one goes."},
    {POST, "/v1/keys/renew", SERVICE_ONLY, AUDIT_DEK_RENEWED, &renew_shape, 5000, dek_renew,
     .reply = &renew_answer_shape,
     .about = "New data keys for a patient; the former ones go when no row names them."},
    {POST, "/v1/keys/renewed", SERVICE_ONLY, AUDIT_NONE, &empty_shape, 2000, deks_renewed,
     .reply = &renewed_shape, .about = "Renewed keys that the caller's rows may still name."},
    {POST, "/v1/keys/clean", SERVICE_ONLY, AUDIT_DEK_RETIRED, &open_shape, 2000, dek_clean,
     .reply = &clean_shape, .about = "No row of the caller names that key."},
    {0},
};
/* clang-format on */
