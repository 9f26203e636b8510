/*
 * page - the few words in which screens are written: elements, messages, times, dialogs, polling.
 *
 *   h('button', {type: 'button', onclick: act}, t('book'))
 */
import { language, t } from './strings.js';

const FIRST_BACKOFF = 2, BACKOFF_MAX = 8;

/* An element. Attributes by name; `on…` are listeners; null and false are left out. */
export function h(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (value == null || value === false) continue;
        if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
        else if (key in element && typeof value !== 'string') element[key] = value;
        else element.setAttribute(key, value);
    }
    element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
    return element;
}

export const button = (text, onclick, attributes = {}) =>
    h('button', { type: 'button', onclick, ...attributes }, text);

/* A labelled input; `make` is its element. */
export function labelled(text, make, hint) {
    make.id ||= `field-${crypto.randomUUID()}`;
    const about = hint && h('p', { class: 'hint', id: `${make.id}-hint` }, hint);
    if (hint) make.setAttribute('aria-describedby', about.id);
    return h('div', { class: 'field' }, h('label', { for: make.id }, text), about, make);
}

/* Said to who does not see the screen; what changed shows it too. */
export function announce(text) {
    document.getElementById('live').textContent = text;
}

export function show_error(where, error) {
    const text = t(`error_${error.code}`) ?? error.message;
    const about = error.request_id ? ` ${t('error_reference')} ${error.request_id}` : '';
    const shown = h('p', { class: 'error', role: 'alert' }, text, h('small', {}, about));
    where.querySelector(':scope > .error')?.remove();
    where.prepend(shown);
    shown.scrollIntoView({ block: 'nearest' });
}

/* Runs an act of the person once at a time: the form is busy meanwhile, and says what went wrong. */
export function acting(where, act) {
    return async (event) => {
        event?.preventDefault();
        if (where.getAttribute('aria-busy') === 'true') return;
        where.setAttribute('aria-busy', 'true');
        where.querySelector(':scope > .error')?.remove();
        try {
            await act(event);
        } catch (error) {
            show_error(where, error);
        } finally {
            where.removeAttribute('aria-busy');
        }
    };
}

/* A modal question; resolves to true when it was agreed to. */
export function confirmed(title, lines, yes) {
    return new Promise((resolve) => {
        const close = (answer) => { dialog.remove(); resolve(answer); };
        const dialog = h('dialog', { 'aria-label': title, oncancel: () => close(false) },
            h('h2', {}, title), ...lines.map((line) => h('p', {}, line)),
            h('div', { class: 'actions' }, button(yes, () => close(true), { class: 'main' }),
                button(t('cancel'), () => close(false))));
        document.body.append(dialog);
        dialog.showModal();
    });
}

/* Asks every so often: slower while nobody looks and while it fails. Returns what ends it. */
export function poll(every_ms, question) {
    let timer = null, slower = 1, ended = false;
    const round = async () => {
        try {
            await question();
            slower = document.hidden ? FIRST_BACKOFF : 1;
        } catch {
            slower = Math.min(slower * FIRST_BACKOFF, BACKOFF_MAX);
        }
        if (!ended) timer = setTimeout(round, every_ms * slower * (0.9 + Math.random() / 5));
    };
    round();
    return () => { ended = true; clearTimeout(timer); };
}

/* ---- times ---- */

const formatted = (options) => {
    const format = new Intl.DateTimeFormat(language, options);
    return (instant) => format.format(new Date(instant));
};
export const time_of = formatted({ hour: '2-digit', minute: '2-digit' });
export const day_of = formatted({ weekday: 'long', day: 'numeric', month: 'long' });
export const date_of = formatted({ dateStyle: 'long' });
export const moment_of = formatted({ dateStyle: 'medium', timeStyle: 'short' });
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/* When a visit is, in this person's time; the clinic's own beside it where the two differ. */
export function when(visit) {
    const mine = `${day_of(visit.starts_at)}, ${time_of(visit.starts_at)}`;
    const theirs = visit.local_start.slice(11, 16);
    const here = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
        .format(new Date(visit.starts_at));
    return here === theirs ? mine : `${mine} (${t('clinic_time', theirs, visit.time_zone)})`;
}

export const minutes_since = (instant) => Math.max(0, Math.floor((Date.now() - new Date(instant)) / 60_000));

export const money = (minor, currency) =>
    new Intl.NumberFormat(language, { style: 'currency', currency }).format(minor / 100);
