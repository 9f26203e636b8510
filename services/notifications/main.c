#include "services/notifications/notifications.h"

#define AT(member) offsetof(struct notifications_settings, member)

static const struct setting settings[] = {
    {"smtp", SETTING_TEXT, AT(smtp), NULL, 0, 0,
     "host:port of the mail server; STARTTLS unless it is on loopback"},
    {"mail_from", SETTING_TEXT, AT(mail_from), NULL, 0, 0, "sender: Name <address>"},
    {"portal", SETTING_TEXT, AT(portal), NULL, 0, 0, "address of the portal, linked in mails"},
    {0},
};

static const struct service notifications_service = {
    .name = "notifications",
    .settings = settings,
    .settings_bytes = sizeof(struct notifications_settings),
    .routes = notifications_routes,
    .hears = notifications_hears,
    .timers = notifications_timers,
    .states = notifications_states,
    .migrations = notifications_migrations,
    .stmts = notifications_stmts,
    .start = mail_start,
    .effects = post_office,
};

int main(int argc, char **argv)
{
    return service_run(&notifications_service, argc, argv);
}
