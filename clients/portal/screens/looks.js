/* looks - who saw or changed a record: its patient's own page, and that of who acts for them. Each page of it is
 * itself an entry. */
import { get, list, MANY } from '../api.js';
import { acting, announce, button, h, labelled, moment_of } from '../page.js';
import { t } from '../strings.js';
import { clinicians, patient_name } from './people.js';

const EMERGENCY = 'BTG';
const PAGES_MAX = 5;    /* that are asked for at once while all in them is hidden */
const ACTS_FOR = ['proxy', 'guardian'];

async function patients_of({ patient_id, person_id }) {
    if (patient_id) return [patient_id];
    const relations = await list('/v1/relations', { person_id, limit: MANY });
    const stands = ({ kind, ends_at }) => ACTS_FOR.includes(kind) && !(ends_at && new Date(ends_at) < Date.now());
    return [...new Set(relations.filter(stands).map((relation) => relation.patient_id))];
}

/* What entries name by its id. */
async function known_to(me, patient_id) {
    const [doctors, consents] = await Promise.all([clinicians(), list('/v1/consents', { patient_id, limit: MANY })]);
    return {
        me,
        names: new Map(doctors.map(({ person_id, display_name }) => [person_id, display_name])),
        scopes: new Map(consents.map(({ id, scope }) => [id, scope])),
    };
}

function who(entry, { me, names }) {
    if (entry.actor === me.person_id) return t('you');
    const role = t(`role_${entry.role}`), name = names.get(entry.actor);
    return name && role ? `${name}, ${role}` : role ?? t('by_program');
}

function why({ purpose, relation, consent_id }, { scopes }) {
    return [
        purpose && t('looks_for', t(`purpose_${purpose}`) ?? purpose),
        t(`stands_${relation}`),
        consent_id && t('looks_consent', t(`scope_${scopes.get(consent_id)}`) ?? t('looks_older')),
    ].filter(Boolean).join(' · ');
}

function row_of(entry, known) {
    const what = t(`did_${entry.action.replace('.', '_')}`) ?? entry.action;
    return h('li', {},
        h('strong', {}, who(entry, known)), ' · ', h('time', { datetime: entry.at }, moment_of(entry.at)), h('br'),
        what, entry.outcome === 'refused' && h('em', {}, ` · ${t('looks_refused')}`), h('br'),
        entry.purpose === EMERGENCY ? h('p', { class: 'warning' }, t('looks_emergency')) : h('small', {}, why(entry, known)));
}

/* The entries about one patient; what the person did themselves is left out until it is asked for. */
async function entries_of(me, patient_id) {
    const known = await known_to(me, patient_id), rows = h('ul', {}), none = h('p', {}, t('looks_none'));
    const box = h('section', { class: 'card' }), own = h('input', { type: 'checkbox' });
    let cursor = null;

    const show_own = () => {
        for (const row of rows.children) row.hidden = row.dataset.own === 'true' && !own.checked;
        none.hidden = [...rows.children].some((row) => !row.hidden);
    };
    const load = async () => {
        let shown = 0;
        for (let pages = 0; pages < PAGES_MAX && shown === 0 && (pages === 0 || cursor); pages++) {
            const page = await get(`/v1/audit/patients/${patient_id}/events`, { limit: MANY, cursor });
            for (const entry of page.data) {
                const row = row_of(entry, known), is_own = entry.actor === me.person_id;
                row.dataset.own = is_own;
                shown += own.checked || !is_own;
                rows.append(row);
            }
            cursor = page.next_cursor ?? null;
        }
        show_own();
        earlier.hidden = !cursor;
        announce(t('looks_shown', [...rows.children].filter((row) => !row.hidden).length));
    };
    const earlier = button(t('looks_earlier'), acting(box, load));

    own.addEventListener('change', show_own);
    await load();
    box.append(h('label', { class: 'check' }, own, t('looks_own')), none, rows, earlier);
    return box;
}

export async function show(main, { me }) {
    const patients = await patients_of(me), shown = h('div', {});
    const names = me.patient_id ? [] : await Promise.all(patients.map(patient_name));
    const choice = h('select', {}, patients.map((id, i) => h('option', { value: id }, names[i] ?? '')));
    const load = async () => {      /* no list ever stands under another's name */
        shown.replaceChildren();
        choice.disabled = true;
        try {
            shown.replaceChildren(await entries_of(me, choice.value));
        } finally {
            choice.disabled = false;
        }
    };

    choice.addEventListener('change', acting(shown, load));
    main.replaceChildren(h('h1', {}, t('looks')), h('p', {}, t('looks_about')),
        ...names.length ? [labelled(t('looks_whose'), choice)] : [],
        patients.length ? shown : h('p', {}, t('looks_nobody')));
    if (patients.length) await load();
}
