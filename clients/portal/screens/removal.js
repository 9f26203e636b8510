/* removal - the clinician takes somebody out of their visit, and lets them in again. */
import { post } from '../api.js';
import { acting, button, confirmed, h } from '../page.js';
import { t } from '../strings.js';

/* Who came by a link is no member: their link ends. Null: there is no way back for them. */
async function take_out(visit_id, person_id) {
    try {
        return await post('/v1/removals', { visit_id, person_id });
    } catch (error) {
        if (error.code !== 'not_found') throw error;
        await post(`/v1/guests/${person_id}/end`);
        return null;
    }
}

function way_back(removal, name) {
    const row = h('p', { class: 'row', role: 'status' });
    const readmit = acting(row, async () => {
        await post(`/v1/removals/${removal.id}/readmit`);
        row.remove();
    });
    row.append(h('span', {}, t('taken_out', name)), button(t('let_in'), readmit));
    return row;
}

/* @beside: where the way back is shown. @gone: called when they are out. */
export function removal_button(visit_id, person_id, name, beside, gone) {
    const place = h('span', {});
    const act = acting(place, async () => {
        if (!await confirmed(t('take_out'), [t('take_out_text', name)], t('take_out'))) return;
        const removal = await take_out(visit_id, person_id);
        if (removal) beside.append(way_back(removal, name));
        gone();
    });
    place.append(button(t('take_out'), act, { class: 'quiet' }));
    return place;
}
