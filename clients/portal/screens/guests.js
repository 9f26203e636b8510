/* guests - whom somebody asks to one visit by a one-time link: the form, the link (shown once), who was asked. */
import { list, post } from '../api.js';
import { acting, button, confirmed, h, labelled, moment_of } from '../page.js';
import { t } from '../strings.js';

const PROOFS = {
    birth_date: { type: 'date', required: true },
    phone: { type: 'tel', required: true, minlength: '8', maxlength: '32', autocomplete: 'off' },
};
const MINUTES = [5, 15, 30];

const choice = (name, options) => h('select', { name }, options.map(([value, text]) => h('option', { value }, text)));

/* What stands behind # goes to no server. */
const address_of = ({ proof, link }) => `${location.origin}/guest.html#${proof}.${link}`;

function link_shown(made) {
    const input = h('input', { name: 'link', readonly: true, value: address_of(made), onfocus: () => input.select() });
    return h('div', { role: 'status' }, labelled(t('guest_link'), input, t('guest_link_hint', moment_of(made.expires_at))));
}

function invite_form(visit_id, done) {
    const name = h('input', { name: 'guest_name', required: true, maxlength: '200', autocomplete: 'off' });
    const proof = choice('proof', Object.keys(PROOFS).map((key) => [key, t(`guest_by_${key}`)]));
    const minutes = choice('minutes', MINUTES.map((n) => [n, t('minutes', n)]));
    const known = h('div', {});
    let input;
    const ask_proof = () => {
        input = h('input', { name: proof.value, ...PROOFS[proof.value] });
        known.replaceChildren(labelled(t(`guest_their_${proof.value}`), input));
    };
    const form = h('form', {}, labelled(t('guest_name'), name), labelled(t('guest_proof'), proof), known,
        labelled(t('guest_minutes'), minutes), h('button', {}, t('guest_invite')));
    minutes.value = '15';
    proof.addEventListener('change', ask_proof);
    ask_proof();
    form.addEventListener('submit', acting(form, async () => {
        done(await post('/v1/guests', {
            visit_id, display_name: name.value, [proof.value]: input.value, minutes: Number(minutes.value),
        }));
        form.reset();
        minutes.value = '15';
        ask_proof();
    }));
    return form;
}

function row_of(guest, again, gone) {
    const row = h('li', { class: 'row' });
    const end = acting(row, async () => {
        if (!await confirmed(t('guest_end'), [t('guest_end_text', guest.display_name)], t('guest_end'))) return;
        await post(`/v1/guests/${guest.id}/end`);
        gone(guest.id);
        await again();
    });
    const state = guest.ended_at ? 'guest_ended' : guest.entered_at ? 'guest_entered' : 'guest_asked';
    row.append(h('span', {}, h('strong', {}, guest.display_name), ' · ', t(state)),
        guest.ended_at ? '' : button(t('guest_end'), end, { class: 'danger' }));
    return row;
}

/* @gone: called with the id of who was sent away. */
export async function guests_box(visit_id, gone = () => {}) {
    const link = h('div', {}), asked = h('ul', {});
    const again = async () => {
        const guests = await list('/v1/guests', { visit_id });
        asked.replaceChildren(...guests.map((guest) => row_of(guest, again, gone)));
    };
    await again();
    return h('section', { class: 'card' }, h('h2', {}, t('guests')), h('p', { class: 'hint' }, t('guests_text')), asked,
        invite_form(visit_id, (made) => { link.replaceChildren(link_shown(made)); return again(); }), link);
}

export async function show(main, app, visit_id) {
    main.replaceChildren(h('h1', {}, t('guests')), await guests_box(visit_id));
}
