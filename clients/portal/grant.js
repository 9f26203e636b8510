/*
 * grant - the short-lived right to be in one visit's channel and call (ten minutes at a time).
 *
 * A visit pass, which appointments handed out a moment ago, is the quickest ground; without one the
 * visit's id does, as soon as access has heard of the visit.
 */
import { post } from './api.js';

const EARLY_MS = 120_000;       /* a grant that ends sooner than this is not worth opening with */
const passes = new Map(), grants = new Map();   /* by visit */

export function pass_keep(visit_id, pass) {
    if (pass) passes.set(visit_id, pass);
}

async function mint(visit_id) {
    const pass = passes.get(visit_id);
    passes.delete(visit_id);
    if (pass) {
        try {
            return await post('/v1/grants', { pass });
        } catch { /* too old, perhaps: by the id, then */ }
    }
    return post('/v1/grants', { visit_id });
}

/* The grant that is there, or a new one. */
export async function grant_of(visit_id, { fresh = false } = {}) {
    const known = grants.get(visit_id);
    if (!fresh && known && new Date(known.expires_at) - Date.now() > EARLY_MS) return known;
    const grant = await mint(visit_id);
    grants.set(visit_id, grant);
    return grant;
}
