/* consent - the text is shown before it is agreed to, and what was agreed to is named by version. */
import { list, post } from '../api.js';
import { acting, button, confirmed, date_of, h } from '../page.js';
import { language, t } from '../strings.js';

export const NEEDED = 'telehealth';

export async function consents_of(patient_id) {
    const given = await list('/v1/consents', { patient_id });
    return new Map(given.filter(({ state }) => state === 'active').map((one) => [one.scope, one]));
}

/* One text a scope, the needed one first; in English where there is no other. */
export async function documents() {
    const here = (await list('/v1/consents/documents', { language })).filter((one) => one.language === language);
    const all = here.length ? here : (await list('/v1/consents/documents', { language: 'en' }));
    return all.filter((one, i) => all.findIndex(({ scope }) => scope === one.scope) === i)
        .sort((a, b) => (b.scope === NEEDED) - (a.scope === NEEDED));
}

/* The form in which somebody agrees; @done afterwards. */
export function consent_form(patient_id, document, done) {
    const check = h('input', { type: 'checkbox', required: true });
    const form = h('form', { class: 'card' },
        h('h3', {}, `${t('consent_read')}: ${t(`scope_${document.scope}`)}`),
        h('p', { class: 'legal', lang: document.language }, document.text),
        h('label', { class: 'check' }, check, t('consent_check')),
        h('button', { class: 'main' }, t('consent_give')));
    form.addEventListener('submit', acting(form, async () => {
        await post('/v1/consents', {
            patient_id, scope: document.scope, document_version: document.version, language: document.language,
        });
        done();
    }));
    return form;
}

/* All of them, with what can be done about each. */
export function consent_list(patient_id, texts, given, done) {
    return texts.map((document) => {
        const consent = given.get(document.scope);
        const row = h('li', { class: 'row' });
        const revoke = acting(row, async () => {
            if (!await confirmed(t('consent_revoke'), [t('consent_revoke_text')], t('consent_revoke'))) return;
            await post(`/v1/consents/${consent.id}/revoke`);
            done();
        });
        const give = () => row.replaceWith(h('li', {}, consent_form(patient_id, document, done)));
        row.append(
            h('span', {}, h('strong', {}, t(`scope_${document.scope}`)), ' ',
                consent ? t('consent_given', date_of(consent.starts_at)) : t('consent_not_given'),
                !consent && document.scope === NEEDED && h('em', {}, ` · ${t('consent_needed')}`)),
            button(t(consent ? 'consent_revoke' : 'consent_give'), consent ? revoke : give));
        return row;
    });
}
