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
    {0},
};
/* clang-format on */
