/* desk - the clinician's side of a visit: what it is about, the note, the end, and prescriptions. */
import { get, list, maybe, post, put } from '../api.js';
import { acting, announce, confirmed, h, labelled, time_of } from '../page.js';
import { t } from '../strings.js';
import { patient_name } from './people.js';
import { prescribe_box } from './prescribe.js';

async function about_box(visit) {
    const [name, allergies] = await Promise.all([patient_name(visit.patient_id),
        list(`/v1/patients/${visit.patient_id}/allergies`).catch(() => [])]);
    const rows = [['patient', name], ['reason', visit.reason], ['place_now', visit.place], ['call_back_short', visit.call_back_number],
        ['allergies', allergies.map(({ text }) => text).join(', ') || t('allergies_none')]];
    return h('section', { class: 'card' }, h('h2', {}, t('about_visit')),
        h('dl', {}, rows.filter(([, text]) => text).map(([key, text]) => [h('dt', {}, t(key)), h('dd', {}, text)])));
}

/* {box, save}: saves what was not saved yet. */
async function note_box(visit) {
    let known = await maybe(get(`/v1/appointments/${visit.id}/note`));
    const text = h('textarea', { name: 'note', rows: '6', maxlength: '20000' }, known?.text ?? '');
    const told = h('p', { class: 'hint', role: 'status' });
    const save = async () => {
        if (!text.value.trim() || text.value === known?.text) return;
        known = await put(`/v1/appointments/${visit.id}/note`, { text: text.value }, { if_match: known?.version });
        told.textContent = t('note_saved', known.version, time_of(known.written_at));
    };
    const form = h('form', { class: 'card' }, h('h2', {}, t('note')), labelled(t('note'), text, t('note_hint')), h('button', {}, t('note_save')), told);
    form.addEventListener('submit', acting(form, save));
    return { box: form, save };
}

function end_box(visit, note, done) {
    const summary = h('textarea', { name: 'summary', rows: '4', maxlength: '20000' });
    const form = h('form', { class: 'card' }, h('h2', {}, t('end_visit')), labelled(t('summary'), summary, t('end_hint')),
        h('button', { class: 'danger' }, t('end_visit')));
    form.addEventListener('submit', acting(form, async () => {
        if (!await confirmed(t('end_visit'), [t('end_text')], t('end_visit'))) return;
        await note.save();
        await post(`/v1/appointments/${visit.id}/end`, summary.value.trim() ? { summary: summary.value } : {});
        announce(t('call_ended'));
        done();
    }));
    return form;
}

export async function clinician_desk(visit, done) {
    const note = await note_box(visit);
    return h('div', { class: 'desk' }, await about_box(visit), note.box, await prescribe_box(visit), end_box(visit, note, done));
}
