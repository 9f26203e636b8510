#include "services/access/access.h"

/* Whom a sign-in may act as, and when their page shall end it if nobody is there. */
static struct list memberships_plain(struct act *act, const struct membership_rows *rows)
{
    const struct common_settings *settings = service_settings();
    struct membership_view *views = ARENA_ARRAY(act->arena, struct membership_view, rows->n + 1);
    enum role role;

    for (size_t i = 0; i < rows->n; i++) {
        views[i].row = rows->p[i];
        if (role_parse(rows->p[i].role, &role))
            views[i].idle_minutes = settings->idle_minutes[role];
    }
    return (struct list){views, rows->n};
}

/* GET /v1/me: by the token alone, so that a first sign-in and one of several organisations can ask.
 */
err_t me_read(struct act *act)
{
    const struct memberships_of ask = {str_of(act->who.issuer), str_of(act->who.subject)};
    struct membership_rows rows;
    struct member first;
    struct person person;
    struct me me = {0};

    TRY(memberships_of(act, &ask, &rows));
    me.memberships = memberships_plain(act, &rows);
    if (rows.n == 0) {
        TRY(act_allow_none(act));
        return act_reply(act, 200, &me_shape, &me);
    }
    act_enter(act, rows.p[0].org);
    act->who.person = rows.p[0].person;
    TRY(role_parse(rows.p[0].role, &act->who.role) ? ERR_OK : ERR_FORBIDDEN);
    TRY(uuid_is_nil(rows.p[0].patient_id) ? act_allow_none(act)
                                          : act_allow(act, rows.p[0].patient_id));
    first = (struct member){
        .org = rows.p[0].org,
        .id = rows.p[0].id,
        .person = rows.p[0].person,
        .role = rows.p[0].role,
        .patient_id = rows.p[0].patient_id,
        .language = rows.p[0].language,
        .sealed = rows.p[0].sealed,
    };
    TRY(person_of(act, &first, &person));
    me.person_id = person.id;
    me.org = person.org;
    me.patient_id = person.patient_id;
    me.role = person.role;
    me.language = person.language;
    me.display_name = person.display_name;
    return act_reply(act, 200, &me_shape, &me);
}

/* POST /v1/me/bind: this sign-in becomes the person whom staff have enrolled. */
err_t me_bind(struct act *act)
{
    const struct bind *in = act->in;
    struct member_bind bound = {.issuer = str_of(act->who.issuer),
                                .subject = str_of(act->who.subject),
                                .machine = act->who.machine};
    struct member row;

    TRY(code_take(act, in->code, &bound.person));
    TRY(member_bind(act, &bound, &row));
    TRY(tell_member(act, &row));
    TRY(tell_member_changed(act, &row));
    act_resource(act, row.person, row.version);
    act_forget_actors(act);
    return me_read(act);
}
