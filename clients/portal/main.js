/*
 * main - which screen is shown: the address behind # says it, and holds nothing but ids.
 *
 * A screen is a function show(main, app, id): it fills <main>, and may return what ends it (a
 * poll, a call). app = {me, go(hash)}.
 */
import { act_as, get, hooks, post } from './api.js';
import * as awake from './awake.js';
import { acting, announce, button, h, labelled, show_error } from './page.js';
import * as signin from './signin.js';
import { language, switch_language, t } from './strings.js';
import { show as after } from './screens/after.js';
import { show as book } from './screens/book.js';
import { show as consents } from './screens/consents.js';
import { show as glass } from './screens/glass.js';
import { show as guests } from './screens/guests.js';
import { show as home } from './screens/home.js';
import { show as looks } from './screens/looks.js';
import { show as queue } from './screens/queue.js';
import { show as visit } from './screens/visit.js';
import { show as waiting } from './screens/waiting.js';

const SCREENS = [
    [/^#?$/, home], [/^#book$/, book], [/^#queue$/, queue], [/^#my_consents$/, consents],
    [/^#wait\/([0-9a-f-]{36})$/, waiting], [/^#visit\/([0-9a-f-]{36})$/, visit],
    [/^#after\/([0-9a-f-]{36})$/, after], [/^#guests\/([0-9a-f-]{36})$/, guests], [/^#glass$/, glass],
    [/^#looks$/, looks],
];
const LINKS = { patient: ['home', 'book', 'my_consents', 'looks'], proxy: ['home', 'looks'], clinician: ['home', 'queue', 'glass'] };
const ACTS_AS = 'telecura.acts_as';
const IDLE_MINUTES = 15;        /* of a role to which the server gives none, as it has no connections */

const main = document.getElementById('main');
const app = { me: null, go: (hash) => { location.hash = hash; } };
let leave = null, watched = null;

function frame() {
    const links = LINKS[app.me?.role] ?? [];
    document.getElementById('skip').textContent = t('skip');
    document.getElementById('foot').replaceChildren(h('p', {}, t('help')));
    document.getElementById('top').replaceChildren(
        h('a', { href: '#', class: 'name' }, 'Telecura'),
        h('nav', { 'aria-label': 'Telecura' }, links.map((name) =>
            h('a', { href: name === 'home' ? '#' : `#${name}` }, t(name)))),
        h('div', { class: 'actions' },
            button(t('other_language'), switch_language, { class: 'quiet', lang: language === 'en' ? 'de' : 'en' }),
            app.me?.memberships?.length > 1 && button(t('other_role'), other_role, { class: 'quiet' }),
            signin.signed_in() && button(t('sign_out'), signin.sign_out, { class: 'quiet' })));
}

async function show_screen() {
    leave?.();
    leave = null;
    document.querySelectorAll('dialog').forEach((dialog) => dialog.remove());
    const [pattern, screen] = SCREENS.find(([known]) => known.test(location.hash)) ?? [];
    const shown = h('div', { class: 'screen' }, h('p', { role: 'status' }, t('loading')));
    main.replaceChildren(shown);
    for (const link of document.querySelectorAll('nav a'))
        if (link.hash === location.hash) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
    try {
        if (!screen) return shown.replaceChildren(h('h1', {}, t('not_here')));
        const ends = await screen(shown, app, location.hash.match(pattern)[1]);
        if (shown.isConnected) leave = ends ?? null;
        else ends?.();      /* somebody was quicker than the screen */
    } catch (error) {
        shown.replaceChildren(h('p', {}, h('a', { href: '#' }, t('back_home'))));
        show_error(shown, error);
    }
    if (shown.isConnected) focus_title(shown);
}

function focus_title(shown) {
    const title = shown.querySelector('h1');
    if (!title) return;
    document.title = `${title.dataset.plain ?? title.textContent} · Telecura`;
    title.tabIndex = -1;
    title.focus();
}

function welcome(notice) {
    main.replaceChildren(h('div', { class: 'screen' },
        notice && h('p', { class: 'error', role: 'alert' }, notice),
        h('h1', {}, t('welcome')), h('p', {}, t('welcome_text')),
        button(t('sign_in'), acting(main, () => signin.go()), { class: 'main' })));
}

/* Signed in, and nobody here yet: the code from the practice says who it is. */
function first_time() {
    const code = h('input', { name: 'code', required: true, autocomplete: 'one-time-code', maxlength: '100' });
    const form = h('form', {}, labelled(t('code'), code), h('button', { class: 'main' }, t('connect')));
    form.addEventListener('submit', acting(form, async () => {
        app.me = await post('/v1/me/bind', { code: code.value.trim() });
        begin();
    }));
    main.replaceChildren(h('div', { class: 'screen' },
        h('h1', {}, t('first_time')), h('p', {}, t('first_time_text')), form));
}

/* ---- who is several people here acts as one of them at a time ---- */

const name_of = ({ org, role }) => `${org} ${role}`;

function other_role() {
    sessionStorage.removeItem(ACTS_AS);
    location.assign('/');
}

function act_in(membership) {
    sessionStorage.setItem(ACTS_AS, name_of(membership));
    act_as(membership);
    app.me = { ...app.me, ...membership };
    begin();
}

function choose_role() {
    main.replaceChildren(h('div', { class: 'screen' }, h('h1', {}, t('choose_role')),
        h('ul', {}, app.me.memberships.map((one) => h('li', {},
            button(`${t(`role_${one.role}`)} · ${one.org_name}`, () => act_in(one), { class: 'main' }))))));
}

function enter() {
    const { memberships } = app.me;
    const before = memberships.find((one) => name_of(one) === sessionStorage.getItem(ACTS_AS));
    if (memberships.length < 2) return begin();
    if (before) return act_in(before);
    frame();
    choose_role();
}

function begin() {
    frame();
    if (!app.me.person_id) return first_time();
    const acted = app.me.memberships.find((one) => name_of(one) === name_of(app.me));
    watched = awake.watch(acted?.idle_minutes || IDLE_MINUTES, hooks.logged_off);
    addEventListener('hashchange', show_screen);
    show_screen();
}

/* Resolves when the second factor was given; the window opens in the click, else it is blocked. */
hooks.second_factor = () => new Promise((resolve, reject) => {
    const dialog = h('dialog', { 'aria-label': t('second_factor'), oncancel: () => give_up() },
        h('h2', {}, t('second_factor')), h('p', {}, t('second_factor_text')));
    const give_up = () => { dialog.remove(); reject(new Error(t('cancel'))); };
    const confirm = acting(dialog, async () => {
        await signin.step_up();
        dialog.remove();
        resolve();
    });
    dialog.append(h('div', { class: 'actions' },
        button(t('confirm_now'), confirm, { class: 'main' }), button(t('cancel'), give_up)));
    document.body.append(dialog);
    dialog.showModal();
});

function signed_out(text) {
    watched?.();
    leave?.();
    leave = null;
    removeEventListener('hashchange', show_screen);
    app.me = null;
    document.querySelectorAll('dialog').forEach((dialog) => dialog.remove());
    frame();
    welcome(text);
    announce(text);
}

hooks.signed_out = () => signed_out(t('sign_in_ended'));

/* Nobody was there for too long. What was shown goes first. */
hooks.logged_off = () => {
    const ended = signin.end();
    signed_out(t('logged_off'));
    return ended;
};

try {
    await signin.start();
    frame();
    if (signin.signed_in()) {
        app.me = await get('/v1/me');
        enter();
    } else {
        welcome();
    }
} catch (error) {
    frame();
    welcome();
    show_error(main, error);
}
