/* glass - breaking the glass: a reason, words, a fresh second factor; then half an hour of reading one record. */
import { get, post } from '../api.js';
import { acting, button, confirmed, date_of, h, labelled, time_of } from '../page.js';
import { t } from '../strings.js';

const REASONS = ['life', 'unresponsive', 'danger', 'cover'];
const PARTS = ['allergies', 'conditions', 'medicines'];

function part_of(name, rows) {
    const texts = rows.map(({ text, code }) => h('li', {}, text ?? code));
    return h('section', {}, h('h3', {}, t(name)), rows.length ? h('ul', {}, texts) : h('p', {}, t('nothing_recorded')));
}

/* By the pass, which nobody has to wait for. */
async function record_of(opened) {
    const path = `/v1/patients/${opened.patient_id}`, headers = { 'Telecura-Emergency': opened.pass };
    const [patient, ...parts] = await Promise.all([get(path, {}, { headers }),
        ...PARTS.map((part) => get(`${path}/${part}`, {}, { headers }).then(({ data }) => data))]);
    return h('div', { class: 'card' }, h('h2', {}, `${patient.given_name} ${patient.family_name}, ${t('born', date_of(patient.birth_date))}`),
        PARTS.map((name, i) => part_of(name, parts[i])));
}

async function opened_box(opened, again) {
    const box = h('div', {});
    const end = acting(box, async () => {
        await post(`/v1/break-glass/${opened.id}/end`);
        again();
    });
    box.append(h('p', { class: 'error', role: 'status' }, t('glass_open', time_of(opened.ends_at))),
        await record_of(opened), button(t('glass_close'), end));
    return box;
}

function break_form(done) {
    const patient = h('input', { name: 'patient_id', required: true, autocomplete: 'off', maxlength: '36', pattern: '[0-9a-f\\-]{36}' });
    const reason = h('select', { name: 'reason' }, REASONS.map((word) => h('option', { value: word }, t(`glass_why_${word}`))));
    const text = h('textarea', { name: 'text', required: true, rows: '3', minlength: '10', maxlength: '2000' });
    const form = h('form', { class: 'card' }, labelled(t('glass_patient'), patient, t('glass_patient_hint')), labelled(t('glass_reason'), reason),
        labelled(t('glass_text'), text, t('glass_text_hint')), h('button', { class: 'danger' }, t('glass_break')));
    form.addEventListener('submit', acting(form, async () => {
        if (!await confirmed(t('glass_break'), [t('glass_told')], t('glass_break'))) return;
        await done(await post('/v1/break-glass', { patient_id: patient.value, reason: reason.value, text: text.value }));
    }));
    return form;
}

export async function show(main, app) {
    const again = () => show(main, app), shown = h('div', {});
    const form = break_form(async (opened) => shown.replaceChildren(await opened_box(opened, again)));
    shown.append(form);
    main.replaceChildren(h('h1', {}, t('glass')), h('p', {}, t('glass_about')), shown);
}
