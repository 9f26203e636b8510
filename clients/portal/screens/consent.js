/* consent - the text is shown before it is agreed to, and what was agreed to is named by version. */
import { list, post } from '../api.js';
import { acting, h } from '../page.js';
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

/* SHA-256 of what stands on this page, in hexadecimal. */
async function hash_of(text) {
    const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
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
            document_hash: await hash_of(document.text),
        });
        done();
    }));
    return form;
}
