/* visit - the call with its controls and the chat; beside it, for the clinician, what is to be written. */
import { get, post } from '../api.js';
import { Call } from '../call.js';
import { Chat } from '../chat.js';
import { pass_keep } from '../grant.js';
import { media_close, media_has, media_open, media_toggle } from '../media.js';
import { acting, announce, button, h, poll, show_error, time_of } from '../page.js';
import { t } from '../strings.js';
import { clinician_desk } from './desk.js';
import { guests_box } from './guests.js';
import { removal_button } from './removal.js';

const POLL_MS = 5_000;
const RELAY_ONLY = 'telecura.relay_only';

/* ---- picture and sound ---- */

function toggle(kind, name) {
    const pressed = button('', () => tell(media_toggle(kind)), { disabled: !media_has(kind) });
    const tell = (on) => {
        pressed.textContent = t(`${name}_${on ? 'on' : 'off'}`);
        pressed.setAttribute('aria-pressed', String(on));
    };
    tell(media_has(kind));
    return pressed;
}

function picture(media, role, ...acts) {
    return h('figure', {}, h('video', { srcObject: media, autoplay: true, playsInline: true, 'aria-label': t('their_view') }),
        h('figcaption', {}, t(`role_${role}`) ?? '', ...acts));
}

/* @ticket: of a guest, as socket.js says. */
export async function call_box(visit, ended, ticket) {
    const media = await media_open();
    const status = h('p', { role: 'status' }, t('call_connecting'));
    const others = h('div', { class: 'others' });
    const self = h('video', { srcObject: media, muted: true, autoplay: true, playsInline: true, class: 'self', 'aria-label': t('self_view'), hidden: !media_has('video') });
    const relay = h('input', { type: 'checkbox', checked: localStorage.getItem(RELAY_ONLY) === 'yes' });
    const pictures = new Map(), taken_out = h('div', {});
    const of_person = (person, theirs, role) => picture(theirs, role, ' ',
        visit.role === 'clinician' ? removal_button(visit.id, person, t(`role_${role}`), taken_out, () => call.drop(person)) : '');
    let call = null;
    const begin = () => {
        call = new Call(visit.id, {
            media, relay_only: relay.checked, ended, ticket,
            state: (word) => { status.textContent = t(`call_${word}`); },
            stream: (person, role, theirs) => {
                pictures.get(person)?.remove();
                pictures.delete(person);
                if (!theirs) return;
                pictures.set(person, of_person(person, theirs, role || (visit.role === 'patient' ? 'clinician' : 'patient')));
                others.append(pictures.get(person));
            },
        });
    };
    relay.addEventListener('change', () => {
        localStorage.setItem(RELAY_ONLY, relay.checked ? 'yes' : 'no');
        call.leave();
        begin();
    });
    begin();
    const box = h('section', { class: 'call', 'aria-label': t('call') }, status, h('div', { class: 'stage' }, others, self),
        h('div', { class: 'actions' }, toggle('audio', 'microphone'), toggle('video', 'camera'),
            h('a', { class: 'button danger', href: '#' }, t('hang_up'))),
        h('label', { class: 'check' }, relay, t('relay_only')), taken_out);
    return { box, leave: () => call.leave(), drop: (person) => call.drop(person) };
}

/* ---- what is written ---- */

function chat_box(visit, me, consent) {
    const log = h('ol', { class: 'chat', role: 'log', 'aria-live': 'polite', 'aria-label': t('chat'), tabindex: '0' });
    const input = h('input', { name: 'message', required: true, maxlength: '4000', autocomplete: 'off', 'aria-label': t('chat_write'), placeholder: t('chat_write') });
    const status = h('p', { class: 'hint', role: 'status' }, t('chat_connecting'));
    const form = h('form', { class: 'line' }, input, h('button', {}, t('chat_send')));
    const chat = new Chat(visit.id, {
        said: ({ sender, role, sent_at, body }) => {
            const mine = sender === me.person_id;
            log.append(h('li', { class: mine ? 'mine' : '' },
                h('small', {}, `${mine ? t('you') : t(`role_${role}`) ?? role}, ${time_of(sent_at)}`), h('p', {}, body)));
            log.scrollTop = log.scrollHeight;
        },
        consent,
        state: (word) => { status.textContent = word === 'open' ? '' : t(word === 'ended' ? 'call_ended' : 'chat_connecting'); },
    });
    form.addEventListener('submit', acting(form, async () => {
        await chat.send(input.value);
        input.value = '';
        input.focus();
    }));
    return { box: h('section', { class: 'side' }, h('h2', {}, t('chat')), log, status, form), leave: () => chat.close() };
}

/* ---- what the patient takes back meanwhile, or what ends by itself ---- */

/* To the clinician, who is told by the chat; without telehealth that is its last word. */
function taken_back({ scope, state, left }) {
    return h('p', { class: 'error', role: 'alert' },
        `${t(state === 'expired' ? 'ran_out' : 'taken_back', t(`scope_${scope}`))} ${t('left')} ${left.map((what) => t(`left_${what}`)).join(', ')}.`);
}

/* ---- the screen ---- */

/* A clinician begins what is not running yet; what is over is read elsewhere. */
async function opened(app, id) {
    const visit = await get(`/v1/appointments/${id}`);
    if (app.me.role !== 'clinician' || visit.state !== 'arrived') return visit;
    const started = await post(`/v1/appointments/${id}/start`, undefined, { if_match: visit.version });
    pass_keep(id, started.visit_pass);
    announce(t('started'));
    return { ...visit, ...started };
}

export async function show(main, app, id) {
    const visit = { ...await opened(app, id), role: app.me.role };
    if (visit.state === 'completed') return app.go(`after/${id}`);
    const say_ended = (error) => show_error(main, error);
    const say_taken_back = (told) => main.prepend(taken_back(told));
    const [call, chat] = [await call_box(visit, say_ended), chat_box(visit, app.me, say_taken_back)];
    const parts = [call, chat];
    const leave = () => {
        parts.splice(0).forEach((part) => part.leave());
        stop_looking();
        media_close();
    };
    const stop_looking = poll(POLL_MS, async () => {
        const { state } = await get(`/v1/appointments/${id}`);
        if (state === 'completed') app.go(`after/${id}`);
        else if (state === 'cancelled') app.go('');
    });
    const boxes = h('div', { class: 'visit' }, call.box, chat.box);
    main.replaceChildren(h('h1', { class: 'unseen' }, t('call')), boxes);     /* at once: what goes wrong is told above it */
    if (app.me.role === 'clinician') boxes.append(await clinician_desk(visit, () => app.go(`after/${id}`)));
    boxes.append(await guests_box(id, call.drop).catch(() => ''));
    return leave;
}
