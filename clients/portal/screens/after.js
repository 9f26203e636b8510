/* after - what the patient takes home: the summary, the prescriptions, the invoice. */
import { get, list, maybe } from '../api.js';
import { date_of, h, money, when } from '../page.js';
import { t } from '../strings.js';
import { clinician_name, patient_name } from './people.js';
import { prescription_text } from './prescribe.js';

const section = (title, content) => h('section', { class: 'card' }, h('h2', {}, t(title)), content);

function prescriptions(rows) {
    if (rows.length === 0) return h('p', {}, t('prescriptions_none'));
    return h('ul', {}, rows.map((rx) => h('li', {}, h('strong', {}, prescription_text(rx)), ` · ${t(`rx_${rx.state}`)}, `,
        t('fills', rx.fills_used, rx.fills_authorised))));
}

function invoices(rows) {
    if (rows.length === 0) return h('p', {}, t('invoice_none'));
    return h('ul', {}, rows.map(({ number, issued_at, amount_minor, balance_minor, currency }) => h('li', {},
        t('invoice_line', number, date_of(issued_at), money(amount_minor, currency)), ' · ',
        balance_minor > 0 ? t('invoice_open', money(balance_minor, currency)) : t('invoice_paid'))));
}

/* Somebody may read one thing and not another; what they may not see is left out. */
const allowed = (asked) => asked.catch((error) => { if (error.code === 'forbidden') return null; throw error; });

export async function show(main, app, id) {
    const visit = await get(`/v1/appointments/${id}`);
    const [summary, rx, bills, who] = await Promise.all([
        maybe(get(`/v1/appointments/${id}/summary`)), allowed(list('/v1/prescriptions', { visit_id: id })),
        allowed(list('/v1/invoices', { visit_id: id })),
        app.me.role === 'clinician' ? patient_name(visit.patient_id) : clinician_name(visit.provider_id).then((name) => t('with', name)),
    ]);
    main.replaceChildren(h('h1', {}, t('after')), h('p', {}, `${when(visit)} · ${who}`),
        section('summary', h('p', { class: 'text' }, summary?.text ?? t('summary_none'))),
        ...[rx && section('prescriptions', prescriptions(rx)), bills && section('invoice', invoices(bills))].filter(Boolean),
        h('p', {}, h('a', { class: 'button', href: '#' }, t('back_home'))));
}
