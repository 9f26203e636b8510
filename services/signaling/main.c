#include "services/signaling/signaling.h"

#define AT(member) offsetof(struct signaling_settings, member)
static const struct setting settings[] = {
    {"turn_uri", SETTING_TEXT, AT(turn_uri), "", 0, 0,
     "TURN servers, comma-separated: turn:host:port?transport=udp,turns:host:port"},
    {"turn_secret", SETTING_SECRET, AT(turn_secret), "", 0, 0, "coturn's static-auth-secret"},
    {"relay_only", SETTING_BOOL, AT(relay_only), "true", 0, 0,
     "media only through TURN, so that nobody learns the other's address"},
#include "common/app/session_settings.def"
    {.key = NULL},
};

static const struct service signaling_service = {
    .name = "signaling",
    .settings = settings,
    .settings_bytes = sizeof(struct signaling_settings),
    .routes = signaling_routes,
    .frames = signaling_frames,
    .hears = signaling_hears,
    .migrations = signaling_migrations,
    .stmts = signaling_stmts,
    .effects = room_run,
    .session_closed = room_leave,
};

int main(int argc, char **argv)
{
    return service_run(&signaling_service, argc, argv);
}
