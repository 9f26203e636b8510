/* people - whom this person may know by name: clinicians for all, a patient for who treats them. */
import { get, list, MANY, maybe } from '../api.js';
import { t } from '../strings.js';

let clinicians_asked = null;
const patients = new Map();

export function clinicians() {
    clinicians_asked ??= list('/v1/people', { role: 'clinician', limit: MANY })
        .catch((error) => { clinicians_asked = null; throw error; });
    return clinicians_asked;
}

export async function clinician_name(id) {
    const found = (await clinicians()).find(({ person_id }) => person_id === id);
    return found?.display_name ?? t('your_clinician');
}

/* Null: no record yet, or not ours to see. */
export function patient(id) {
    if (!patients.has(id)) patients.set(id, maybe(get(`/v1/patients/${id}`)).catch(() => null));
    return patients.get(id);
}

export async function patient_name(id) {
    const known = await patient(id);
    return known ? `${known.given_name} ${known.family_name}` : t('patient');
}
