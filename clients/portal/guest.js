/*
 * guest - the page of who was asked to one visit by a one-time link, without a sign-in.
 *
 *   /guest.html#birth_date.<43 characters>      or #phone.…: what has to be typed
 *
 * What stands behind # goes to no server; it is sent in a body, with what was typed. The page makes
 * a key of its own, which lies in this tab's sessionStorage: by link and key it renews its grant,
 * and comes back after a reload, without typing again. No other page gets in by the same link.
 */
import { hooks, Refused } from './api.js';
import { media_close } from './media.js';
import { acting, h, labelled, show_error } from './page.js';
import { call_box } from './screens/visit.js';
import { language, t } from './strings.js';

const KEY = 'telecura.guest';
const FIELDS = {
    birth_date: { type: 'date', autocomplete: 'bday' },
    phone: { type: 'tel', autocomplete: 'tel', minlength: '8', maxlength: '32' },
};
const [, proof, link] = /^#(birth_date|phone)\.([\w-]{43})$/.exec(location.hash) ?? [];
const main = document.getElementById('main');

function new_key() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

let device = sessionStorage.getItem(KEY);
let grant = null;

async function enter(typed = {}) {
    const answer = await fetch('/v1/guests/enter', {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, cache: 'no-store', credentials: 'omit',
        body: JSON.stringify({ link, device, ...typed }),
    });
    const said = await answer.json();
    if (!answer.ok) throw new Refused(answer.status, said);
    sessionStorage.setItem(KEY, device);
    grant = said;
    return said;
}

function over(text) {
    main.replaceChildren(h('h1', {}, t('guest_title')), h('p', { role: 'status' }, text));
}

async function open_call() {
    const ended = (error) => show_error(main, error);
    const ticket = ({ fresh }) => (fresh ? enter() : grant);
    const { box, leave } = await call_box({ id: grant.visit_id, role: 'patient' }, ended, ticket);

    main.replaceChildren(h('h1', { class: 'unseen' }, t('call')), box);
    const end = (text) => {
        leave();
        media_close();
        over(text);
    };
    addEventListener('hashchange', () => end(t('guest_left')), { once: true });     /* "Leave" is a link to # */
    hooks.logged_off = () => end(t('guest_logged_off'));
}

function ask() {
    const input = h('input', { name: proof, required: true, ...FIELDS[proof] });
    const form = h('form', {}, labelled(t(`guest_${proof}`), input), h('button', { class: 'main' }, t('guest_join')));

    form.addEventListener('submit', acting(form, async () => {
        device ??= new_key();
        try {
            await enter({ [proof]: input.value });
        } catch (error) {
            if (error.code === 'not_found') return over(t('guest_gone'));
            throw error;
        }
        await open_call();
    }));
    main.replaceChildren(h('h1', {}, t('guest_title')), h('p', {}, t('guest_text')), form);
}

document.documentElement.lang = language;
if (!link) over(t('guest_gone'));
else if (device) await enter().then(open_call, ask);
else ask();
