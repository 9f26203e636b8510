/* consents - a patient's own page: what they have agreed to, what it does, and the way back. */
import { list, post } from '../api.js';
import { acting, button, confirmed, date_of, h } from '../page.js';
import { t } from '../strings.js';
import { consent_form, documents, NEEDED } from './consent.js';

/* Who said yes, by whose words. */
function giver(standing, me) {
    if (standing.given_by === me.person_id) return t('by_you');
    return t(`by_${standing.given_as}`) ?? t('by_staff');
}

function state_of(standing, me) {
    const { state, since, until, revoked_at } = standing;
    if (state === 'none') return t('consent_not_given');
    if (state === 'revoked') return t('consent_withdrawn', date_of(revoked_at));
    if (state === 'expired') return t('consent_over', date_of(until ?? since));
    return t('consent_given', date_of(since)) + `, ${giver(standing, me)}` + (until ? `, ${t('consent_until', date_of(until))}` : '');
}

/* Only to somebody, only for something. */
function part_of({ recipient_id, recipient, purpose }) {
    return [recipient_id && t('only_to', recipient ?? t('one_person')), purpose && t('only_for', t(`purpose_${purpose}`) ?? purpose)]
        .filter(Boolean).join(', ');
}

function shown_text({ text, language, document_version, shown_at }) {
    return !text ? '' : h('details', {}, h('summary', {}, t('text_shown', document_version, date_of(shown_at))),
        h('p', { class: 'legal', lang: language }, text));
}

function row_of(standing, me, document, again) {
    const row = h('li', { class: 'card' }), active = standing.state === 'active';
    const revoke = acting(row, async () => {
        if (!await confirmed(t('consent_revoke'), [t(`scope_${standing.scope}_end`)], t('consent_revoke'))) return;
        await post(`/v1/consents/${standing.consent_id}/revoke`);
        again();
    });
    const give = () => row.replaceWith(h('li', {}, consent_form(me.patient_id, document, again)));
    const parted = part_of(standing);
    row.append(h('h2', {}, t(`scope_${standing.scope}`)),
        parted ? h('p', {}, parted) : '',
        h('p', {}, h('strong', {}, state_of(standing, me)),
            !active && standing.scope === NEEDED && h('em', {}, ` · ${t('consent_needed')}`)),
        h('p', {}, t(active ? `scope_${standing.scope}_does` : `scope_${standing.scope}_without`)),
        shown_text(standing));
    if (active) row.append(button(t('consent_revoke'), revoke));
    else if (document && !parted) row.append(button(t('consent_give'), give));
    return row;
}

export async function show(main, app) {
    const { me } = app, again = () => show(main, app);
    const [standings, texts] = await Promise.all([
        list('/v1/consents/standing', { patient_id: me.patient_id }), documents(),
    ]);
    main.replaceChildren(h('h1', {}, t('consents')),
        h('ul', {}, standings.map((standing) =>
            row_of(standing, me, texts.find(({ scope }) => scope === standing.scope), again))));
}
