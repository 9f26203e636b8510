/* home - the next visit with its one next step, the other visits, and who has opened the record in an emergency. */
import { list, MANY, post } from '../api.js';
import { acting, button, confirmed, h, moment_of, when } from '../page.js';
import { t } from '../strings.js';
import { clinician_name, patient_name } from './people.js';

const DAY_MS = 86_400_000;
/* Where a visit goes on, for a patient and for a clinician. */
const STEPS = {
    scheduled: { patient: ['wait', 'go_wait'] },
    confirmed: { patient: ['wait', 'go_wait'] },
    arrived: { patient: ['wait', 'go_room'], clinician: ['visit', 'open_call'] },
    in_progress: { patient: ['visit', 'go_call'], clinician: ['visit', 'go_call'] },
    completed: { patient: ['after', 'go_after'], clinician: ['after', 'go_after'] },
};
const AHEAD = ['scheduled', 'confirmed', 'arrived', 'in_progress'];
const CANCELLABLE = ['scheduled', 'confirmed', 'arrived'];

function step_of(visit, role, main) {
    const [screen, text] = STEPS[visit.state]?.[role] ?? [];
    return screen && h('a', { class: `button ${main ? 'main' : ''}`, href: `#${screen}/${visit.id}` }, t(text));
}

async function row_of(visit, app, again, main = false) {
    const { role } = app.me;
    const who = role === 'clinician' ? await patient_name(visit.patient_id)
        : t('with', await clinician_name(visit.provider_id));
    const row = h(main ? 'div' : 'li', { class: 'row' });
    const cancel = acting(row, async () => {
        if (!await confirmed(t('cancel_visit'), [when(visit), t('cancel_visit_text')], t('cancel_visit'))) return;
        await post(`/v1/appointments/${visit.id}/cancel`, undefined, { if_match: visit.version });
        again();
    });
    row.append(
        h('span', {}, h('strong', {}, when(visit)), h('br'), who, ' · ', t(`type_${visit.visit_type}`) ?? visit.visit_type,
            ' · ', t(`state_${visit.state}`)),
        h('span', { class: 'actions' }, step_of(visit, role, main),
            role === 'front_desk' && AHEAD.includes(visit.state) && h('a', { class: 'button', href: `#guests/${visit.id}` }, t('guests')),
            role === 'patient' && CANCELLABLE.includes(visit.state) && button(t('cancel_visit'), cancel, { class: 'quiet' })));
    return row;
}

async function rows_of(title, visits, app, again) {
    if (visits.length === 0) return null;
    return h('section', {}, h('h2', {}, title),
        h('ul', {}, await Promise.all(visits.map((visit) => row_of(visit, app, again)))));
}

/* What the mail of it leads to. */
async function emergencies() {
    const opened = await list('/v1/break-glass', { limit: MANY });
    return opened.length > 0 && h('section', {}, h('h2', {}, t('glass_seen')), h('p', {}, t('glass_what')),
        h('ul', {}, await Promise.all(opened.reverse().map(async ({ person_id, opened_at, reason, finding }) =>
            h('li', { class: 'row' }, h('span', {}, h('strong', {}, moment_of(opened_at)), h('br'), await clinician_name(person_id),
                ' · ', t(`glass_${reason}`), ' · ', t(`glass_${finding ?? 'to_review'}`)))))));
}

export async function show(main, app) {
    const { me } = app, is_patient = me.role === 'patient';
    const again = () => show(main, app);
    const visits = await list('/v1/appointments', { limit: MANY, from: new Date(Date.now() - 90 * DAY_MS).toISOString() })
        .catch((error) => { if (error.code === 'forbidden') return []; throw error; });
    const ahead = visits.filter(({ state, ends_at }) => AHEAD.includes(state) &&
        (new Date(ends_at) > Date.now() || state === 'arrived' || state === 'in_progress'));
    const next = ahead.find(({ state }) => state === 'in_progress' || state === 'arrived') ?? ahead[0];
    const past = visits.filter((visit) => !ahead.includes(visit)).reverse();

    main.replaceChildren(
        h('h1', { 'data-plain': t('home') }, t('hello', me.display_name ?? '')),
        h('section', { class: 'card' }, h('h2', {}, t('next_visit')),
            next ? await row_of(next, app, again, true) : h('p', {}, t('no_visit')),
            is_patient && h('p', {}, h('a', { class: next ? 'button' : 'button main', href: '#book' }, t('book')))),
        ...[await rows_of(t('upcoming'), ahead.filter((visit) => visit !== next), app, again),
            await rows_of(t('past'), past, app, again), is_patient && await emergencies()].filter(Boolean));
}
