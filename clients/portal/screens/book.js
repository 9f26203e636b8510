/* book - consent, then who, when and why. Times come from the practice and are shown as one's own. */
import { list, MANY, post } from '../api.js';
import { acting, announce, day_of, h, labelled, show_error, time_of, zone } from '../page.js';
import { t } from '../strings.js';
import { consent_form, consents_of, documents, NEEDED } from './consent.js';
import { clinicians } from './people.js';

const TYPES = ['consultation', 'follow_up'];
const DAYS = 7, DAY_MS = 86_400_000;

const day_text = (date) => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`;

function slots_of(provider_id, visit_type, day) {
    const midnight = new Date(`${day}T00:00`);
    const from = new Date(Math.max(midnight, Date.now()));
    const to = new Date(midnight.getTime() + DAYS * DAY_MS);
    return list('/v1/slots', { provider_id, visit_type, limit: MANY, from: from.toISOString(), to: to.toISOString() });
}

/* A group of radio buttons a day: arrows move between the times. */
function slot_grid(slots) {
    const days = Map.groupBy?.(slots, ({ starts_at }) => day_of(starts_at)) ?? new Map();
    if (!Map.groupBy) for (const slot of slots) {
        const day = day_of(slot.starts_at);
        days.set(day, [...(days.get(day) ?? []), slot]);
    }
    return [...days].map(([day, times]) => h('fieldset', {}, h('legend', {}, day),
        h('div', { class: 'slots' }, times.map(({ starts_at }) => h('label', { class: 'slot' },
            h('input', { type: 'radio', name: 'slot', value: starts_at }), h('span', {}, time_of(starts_at)))))));
}

function booking_form(app, doctors) {
    const who = h('select', { name: 'who' }, doctors.map(({ person_id, display_name }) => h('option', { value: person_id }, display_name)));
    const type = h('select', { name: 'type' }, TYPES.map((one) => h('option', { value: one }, t(`type_${one}`))));
    const today = day_text(new Date());
    const day = h('input', { type: 'date', name: 'day', min: today, value: today, required: true });
    const times = h('div', {});
    const reason = h('textarea', { name: 'reason', required: true, maxlength: '2000', rows: '3' });
    const form = h('form', {}, h('div', { class: 'columns' }, labelled(t('clinician'), who), labelled(t('visit_type'), type),
        labelled(t('week_of'), day)),
    h('section', { 'aria-live': 'polite' }, h('h2', {}, t('free_times')), h('p', { class: 'hint' }, t('in_your_zone', zone)), times),
    labelled(t('reason'), reason, t('reason_hint')), h('button', { class: 'main' }, t('book_now')));

    let asked = 0;
    const refresh = async () => {
        const mine = ++asked;       /* only the last question's answer counts */
        if (!day.value) return;
        try {
            const slots = await slots_of(who.value, type.value, day.value);
            if (mine === asked) times.replaceChildren(...slots.length ? slot_grid(slots) : [h('p', {}, t('no_times'))]);
        } catch (error) {
            if (mine === asked) show_error(form, error);
        }
    };
    [who, type, day].forEach((input) => input.addEventListener('change', refresh));
    form.addEventListener('submit', acting(form, async () => {
        const starts_at = new FormData(form).get('slot');
        if (!starts_at) throw new Error(t('choose_time'));
        try {
            await post('/v1/appointments', {
                patient_id: app.me.patient_id, provider_id: who.value, visit_type: type.value, starts_at, reason: reason.value,
            });
        } catch (error) {
            if (error.code === 'slot_taken') await refresh();
            throw error;
        }
        announce(t('booked'));
        app.go('');
    }));
    refresh();
    return form;
}

export async function show(main, app) {
    const [given, texts, doctors] = await Promise.all([consents_of(app.me.patient_id), documents(), clinicians()]);
    const missing = !given.has(NEEDED) && texts.find(({ scope }) => scope === NEEDED);
    main.replaceChildren(h('h1', {}, t('book')),
        missing ? consent_form(app.me.patient_id, missing, () => show(main, app)) : booking_form(app, doctors));
}
