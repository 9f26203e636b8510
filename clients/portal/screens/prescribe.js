/* prescribe - draft with its checks, sign with a second factor, send. */
import { list, post } from '../api.js';
import { acting, button, h, labelled } from '../page.js';
import { t } from '../strings.js';

const MICROGRAMS = 1000;        /* in a milligram */

export function prescription_text(rx) {
    return [rx.drug_text ?? rx.drug, rx.dose_text, rx.directions].filter(Boolean).join(', ');
}

/* One prescription with the one next step that its state allows. */
function card_of(rx, changed) {
    const card = h('li', { class: 'card' });
    const reason = h('input', { name: 'reason', maxlength: '500', required: true });
    const step = (verb, body, options) => acting(card, async () => changed(await post(`/v1/prescriptions/${rx.id}/${verb}`, body?.(), options)));
    const has_findings = rx.findings?.length > 0;
    const sign = h('form', {}, has_findings && labelled(t('override_reason'), reason), h('button', { class: 'main' }, t('sign')));
    sign.addEventListener('submit', step('sign', () => has_findings ? { override_reason: reason.value } : {}, { if_match: rx.version }));
    const steps = {
        ready: [sign], blocked: [sign],
        signed: [button(t('send'), step('send'), { class: 'main' })],
    }[rx.state] ?? [];
    card.append(h('p', {}, h('strong', {}, prescription_text(rx)), ` · ${t(`rx_${rx.state}`)}`),
        has_findings ? h('div', { class: 'warning', role: 'alert' }, t('findings'), h('ul', {}, rx.findings.map((finding) => h('li', {}, finding)))) : '',
        ...steps, rx.state === 'cancelled' ? '' : button(t('rx_cancel'), step('cancel'), { class: 'quiet' }));
    return card;
}

const mg = (micrograms) => micrograms / MICROGRAMS;

function draft_form(visit, drugs, drafted) {
    const drug = h('select', { name: 'drug' }, drugs.map(({ code, name }) => h('option', { value: code }, name)));
    const number = (name, value, max) => h('input', { type: 'number', name, value, min: name === 'refills' ? '0' : '1', max, required: true });
    const dose = h('input', { type: 'number', name: 'dose', min: '0.001', step: 'any', required: true });
    const [per_day, quantity, refills] = [number('per_day', '1', '24'), number('quantity', '10', '10000'), number('refills', '0', '11')];
    const directions = h('input', { name: 'directions', required: true, maxlength: '1000' });
    const range = h('p', { class: 'hint', role: 'status' });
    const chosen = () => {
        const one = drugs.find(({ code }) => code === drug.value);
        dose.value = String(mg(one.dose_min_micrograms));
        range.textContent = t('dose_range', mg(one.dose_min_micrograms), mg(one.dose_max_micrograms), mg(one.daily_max_micrograms));
    };
    drug.addEventListener('change', chosen);
    if (drugs.length) chosen();
    const form = h('form', {}, labelled(t('drug'), drug), range, h('div', { class: 'columns' }, labelled(t('dose'), dose), labelled(t('per_day'), per_day),
        labelled(t('quantity'), quantity), labelled(t('refills'), refills)), labelled(t('directions'), directions), h('button', {}, t('draft')));
    form.addEventListener('submit', acting(form, async () => {
        drafted(await post('/v1/prescriptions', {
            patient_id: visit.patient_id, visit_id: visit.id, drug: drug.value, dose_micrograms: Math.round(dose.value * MICROGRAMS),
            doses_per_day: Number(per_day.value), quantity: Number(quantity.value), refills: Number(refills.value), directions: directions.value,
        }));
    }));
    return form;
}

export async function prescribe_box(visit) {
    const [drugs, here] = await Promise.all([list('/v1/formulary'), list('/v1/prescriptions', { visit_id: visit.id })]);
    const known = new Map(here.map((rx) => [rx.id, rx]));
    const rows = h('ul', {});
    const changed = (rx) => {
        known.set(rx.id, rx);
        rows.replaceChildren(...[...known.values()].map((one) => card_of(one, changed)));
    };
    here.forEach(changed);
    return h('section', { class: 'card' }, h('h2', {}, t('prescribe')), rows, draft_form(visit, drugs, changed));
}
