#include "services/signaling/signaling.h"

#define AT(member) offsetof(struct signaling_settings, member)
const struct setting signaling_setting_rows[] = {
    {"turn_uri", SETTING_TEXT, AT(turn_uri), "", 0, 0,
     "TURN servers, comma-separated: turn:host:port?transport=udp,turns:host:port"},
    {"turn_secret", SETTING_SECRET, AT(turn_secret), "", 0, 0, "coturn's static-auth-secret"},
    {"turn_control", SETTING_TEXT, AT(turn_control), "", 0, 0,
     "coturn's cli-ip:cli-port, comma-separated, on loopback: who may not be there is not relayed"},
    {"turn_control_password", SETTING_SECRET, AT(turn_control_password), "", 0, 0,
     "coturn's cli-password"},
    {"relay_only", SETTING_BOOL, AT(relay_only), "true", 0, 0,
     "media only through TURN, so that nobody learns the other's address"},
#include "common/app/session_settings.def"
    {.key = NULL},
};
