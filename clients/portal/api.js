/*
 * api - the REST interface: JSON in and out, refusals as Refused.
 *
 *   await get('/v1/appointments', {limit: 50})
 *   await post(path, body, {if_match: row.version})
 *
 * A POST names its intent by an Idempotency-Key; when no answer came it is sent once more with the
 * same key, so that nothing is done twice. Who has several roles acts in one (`act_as`). Where a fresh second factor is asked for, `second_factor`
 * (set by main.js) asks the person, and the request is repeated.
 */
import * as signin from './signin.js';

const AGAIN_MS = 800;

let acts_as = {};

/* A row of /v1/me's memberships. */
export function act_as({ org, role }) {
    acts_as = { 'Telecura-Org': org, 'Telecura-Role': role };
}

export const hooks = { second_factor: null, signed_out: null, logged_off: null };

/* A problem document (RFC 9457). `code` is what to switch on. */
export class Refused extends Error {
    constructor(status, problem) {
        super(problem.title ?? problem.code ?? `refused with ${status}`);
        this.status = status;
        this.retryable = problem.retryable === true;
        this.code = problem.code ?? 'unavailable';
        this.request_id = problem.request_id;
    }
}

async function send(method, path, body, headers) {
    const answer = await fetch(path, {
        method, headers: { ...headers, Authorization: `Bearer ${await signin.token()}` },
        body: body && JSON.stringify(body), cache: 'no-store', credentials: 'omit',
    });
    const is_json = /json/.test(answer.headers.get('content-type') ?? '');
    const value = is_json ? await answer.json() : null;
    if (!answer.ok) throw new Refused(answer.status, value ?? {});
    return value;
}

/* Did it perhaps not arrive, and may it be said again? */
const is_passing = (error) => !(error instanceof Refused) || error.status === 503;

async function ask(method, path, body, { if_match, headers: more } = {}) {
    const headers = { Accept: 'application/json', ...acts_as, ...more };
    if (body) headers['Content-Type'] = 'application/json';
    if (if_match) headers['If-Match'] = `"${if_match}"`;
    if (method === 'POST') headers['Idempotency-Key'] = crypto.randomUUID();
    try {
        return await send(method, path, body, headers);
    } catch (error) {
        if (!signin.signed_in()) {
            hooks.signed_out();
            throw error;
        }
        if (error.code === 'second_factor_required') await hooks.second_factor();
        else if (!is_passing(error)) throw error;
        else await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        return send(method, path, body, headers);
    }
}

export function get(path, query = {}, options) {
    const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value != null));
    return ask('GET', text.size ? `${path}?${text}` : path, undefined, options);
}
export const post = (path, body, options) => ask('POST', path, body, options);
export const put = (path, body, options) => ask('PUT', path, body, options);

/* The rows of a list's first page: MANY is the most that one page holds. */
export const MANY = 200;
export const list = async (path, query) => (await get(path, query)).data;

/* Null instead of "not found": it is not there yet, or not ours to see. */
export async function maybe(asked) {
    try {
        return await asked;
    } catch (error) {
        if (error.code === 'not_found') return null;
        throw error;
    }
}
