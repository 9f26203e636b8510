/* waiting - where the patient is, check-in, one's own place in the queue, and the devices meanwhile. */
import { get, list, post, put } from '../api.js';
import { pass_keep } from '../grant.js';
import { media_close, media_has, media_open } from '../media.js';
import { acting, announce, button, h, labelled, poll, when } from '../page.js';
import { t } from '../strings.js';

const POLL_MS = 5_000;

function check_in_form(visit, done) {
    const place = h('input', { name: 'place', required: true, maxlength: '500', autocomplete: 'street-address', value: visit.place ?? '' });
    const number = h('input', { name: 'number', type: 'tel', required: true, minlength: '3', maxlength: '40', autocomplete: 'tel', value: visit.call_back_number ?? '' });
    const form = h('form', { class: 'card' }, labelled(t('where'), place, t('where_hint')), labelled(t('call_back'), number),
        h('button', { class: 'main' }, t('check_in')));
    form.addEventListener('submit', acting(form, async () => {
        await put(`/v1/appointments/${visit.id}/place`, { place: place.value, call_back_number: number.value });
        const arrived = await post(`/v1/appointments/${visit.id}/check_in`);
        pass_keep(visit.id, arrived.visit_pass);
        done(arrived);
    }));
    return form;
}

function device_check() {
    const view = h('video', { muted: true, autoplay: true, playsInline: true, 'aria-label': t('self_view'), hidden: true });
    const told = h('p', { role: 'status' });
    const box = h('section', {}, h('h2', {}, t('device_check')));
    const open = acting(box, async () => {
        view.srcObject = await media_open();
        view.hidden = !media_has('video');
        told.textContent = t(media_has('video') && media_has('audio') ? 'device_both' : media_has('audio') ? 'device_sound' : 'device_none');
    });
    box.append(button(t('device_open'), open), told, view);
    return box;
}

/* Waits until called: then there is one big button. */
function queue_card(visit, app) {
    const card = h('section', { class: 'card', 'aria-live': 'polite' }, h('p', {}, t('loading')));
    let told = '';
    const tell = (text, ...rest) => {
        if (text === told) return;
        told = text;
        card.replaceChildren(h('p', { class: 'big' }, text), ...rest);
        announce(text);
    };
    const ends = poll(POLL_MS, async () => {
        const mine = (await list('/v1/queue')).find((row) => row.appointment_id === visit.id);
        const { state } = mine ?? await get(`/v1/appointments/${visit.id}`);
        pass_keep(visit.id, mine?.visit_pass);
        if (mine?.admitted_at || state === 'in_progress') {
            if (told !== t('called')) {
                tell(t('called'), h('a', { class: 'button main', href: `#visit/${visit.id}` }, t('join')));
                card.querySelector('a').focus();
            }
        } else if (!mine) {
            app.go(state === 'completed' ? `after/${visit.id}` : '');
        } else {
            tell(`${t('your_place', mine.position)} ${t('your_wait', mine.wait_minutes)}`, h('p', {}, t('keep_open')));
        }
    });
    return { card, ends };
}

export async function show(main, app, id) {
    const visit = await get(`/v1/appointments/${id}`);
    let ends = null;
    const wait = (arrived) => {
        const queue = queue_card(arrived, app);
        ends = queue.ends;
        box.replaceChildren(queue.card);
    };
    const box = h('div', {});
    main.replaceChildren(h('h1', {}, t('waiting_room')), h('p', {}, when(visit)), box, device_check());
    if (visit.state === 'arrived' || visit.state === 'in_progress') wait(visit);
    else box.append(check_in_form(visit, wait));
    return () => {
        ends?.();
        if (!location.hash.startsWith('#visit/')) media_close();    /* they go along into the call */
    };
}
