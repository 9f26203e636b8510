/* queue - who waits for this clinician, in serving order, and what is running. */
import { list, MANY, post } from '../api.js';
import { pass_keep } from '../grant.js';
import { acting, announce, button, confirmed, date_of, h, minutes_since, poll, when } from '../page.js';
import { t } from '../strings.js';
import { patient, patient_name } from './people.js';

const POLL_MS = 5_000, DAY_MS = 86_400_000;

function waited(entry) {
    const overdue = new Date(entry.deadline) < Date.now();
    return h('td', { class: overdue ? 'overdue' : '' }, t(overdue ? 'overdue' : 'minutes', minutes_since(entry.arrived_at)));
}

/* Name and birth date before somebody is let in: the wrong patient is the worst of mistakes. */
async function admit(entry) {
    const known = await patient(entry.patient_id);
    const lines = [await patient_name(entry.patient_id), known && t('born', date_of(known.birth_date))].filter(Boolean);
    if (!await confirmed(t('admit_check'), lines, t('admit_yes'))) return;
    const admitted = await post(`/v1/appointments/${entry.appointment_id}/admit`, undefined, { if_match: entry.appointment_version });
    pass_keep(entry.appointment_id, admitted.visit_pass);
}

async function row_of(entry, is_next, again) {
    const cell = h('td', {});
    const name = await patient_name(entry.patient_id);
    cell.append(...[entry.admitted_at
        ? h('a', { class: 'button main', href: `#visit/${entry.appointment_id}` }, t('start'))
        : is_next && button(t('admit'), acting(cell, async () => { await admit(entry); await again(); }), { class: 'main', 'aria-label': `${t('admit')}: ${name}` })].filter(Boolean));
    return h('tr', {}, h('td', {}, String(entry.position)), h('th', { scope: 'row' }, name),
        h('td', {}, t(`type_${entry.visit_type}`) ?? entry.visit_type), waited(entry), cell);
}

async function table_of(entries, again) {
    const first = entries.find(({ admitted_at }) => !admitted_at);
    return h('table', {}, h('thead', {}, h('tr', {}, ['position', 'patient', 'visit_type', 'waited', 'next_step'].map((key) => h('th', { scope: 'col' }, t(key))))),
        h('tbody', {}, await Promise.all(entries.map((entry) => row_of(entry, entry === first, again)))));
}

async function visits_of(title, visits, link) {
    if (visits.length === 0) return null;
    const rows = await Promise.all(visits.map(async (visit) => h('li', { class: 'row' },
        h('span', {}, h('strong', {}, when(visit)), h('br'), await patient_name(visit.patient_id)),
        link && h('a', { class: 'button main', href: `#visit/${visit.id}` }, t('go_call')))));
    return h('section', {}, h('h2', {}, t(title)), h('ul', {}, rows));
}

export async function show(main, app) {
    const waiting = h('section', { class: 'card' }), others = h('div', {});
    const provider_id = app.me.person_id;
    let shown = '';
    const again = async () => {
        const now = new Date(), tomorrow = new Date(now.getTime() + DAY_MS);
        const [entries, running, ahead] = await Promise.all([list('/v1/queue', { provider_id }),
            list('/v1/appointments', { provider_id, limit: MANY, state: 'in_progress' }),
            list('/v1/appointments', { provider_id, limit: MANY, from: now.toISOString(), to: tomorrow.toISOString() })]);
        const state = JSON.stringify([entries.map((one) => ({ ...one, visit_pass: null })), running, ahead, now.getMinutes()]);
        if (state === shown || main.querySelector('[aria-busy=true]')) return;
        if (shown && entries.length) announce(t('position') + ` 1: ${await patient_name(entries[0].patient_id)}`);
        shown = state;
        entries.forEach((entry) => pass_keep(entry.appointment_id, entry.visit_pass));
        waiting.replaceChildren(entries.length ? await table_of(entries, again) : h('p', {}, t('queue_empty')));
        others.replaceChildren(...[await visits_of('running', running, true),
            await visits_of('today', ahead.filter(({ state: at }) => at === 'scheduled' || at === 'confirmed'), false)].filter(Boolean));
    };
    main.replaceChildren(h('h1', {}, t('queue')), waiting, others);
    await again();
    return poll(POLL_MS, again);
}
