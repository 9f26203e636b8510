/*
 * socket - telecura.v1.json: frames both ways over a WebSocket that comes back by itself.
 *
 *   const socket = new Socket('/v1/stream', visit_id, {
 *       more: () => ({resume}),         what connect says beyond token and grant
 *       opened: (reply) => …,           each time, after connect was answered
 *       pushed: {message: (body) => …}, by type
 *       state: (word) => …,             'connecting' | 'open' | 'ended'
 *       ticket: ({fresh}) => grant      of a guest, whose grant stands alone: there is no token
 *   });
 *   await socket.ask('send', {…})       the answer, or Refused
 *   socket.tell('typing', {})           no answer is due
 *   socket.close()
 *
 * Each minute in which somebody was there (awake.js) the server is told so. Who was not for too long is
 * logged off: `hooks.logged_off`, in place of the state 'ended'.
 *
 * Close codes below 4500 mean "come back", those from 4500 on "stay out", but for three: a grant that
 * is over (4504) is replaced by a new one, one that was taken back (4503 in answer to connect) by
 * one new one if access still gives it, one that does not open (4500) by a few. What was asked and not
 * answered when a connection broke is refused with `connection_lost`; who asked may ask again.
 */
import { hooks, Refused } from './api.js';
import * as awake from './awake.js';
import { grant_of } from './grant.js';
import { token } from './signin.js';

const FIRST_MS = 200, LAST_MS = 8_000;
const REFRESH_EARLY_MS = 90_000, ACTIVE_EVERY_MS = 60_000;
const LEFT = 1000, STAY_OUT = 4500, REVOKED = 4503, GRANT_ENDED = 4504, LOGGED_OFF = 4506;
const TRIES = { [STAY_OUT]: 3, [REVOKED]: 2 };  /* of connect, with a new grant each, before it is believed */

export class Socket {
    #path; #visit; #on; #ws = null; #last_id = 0; #waiting = new Map();
    #tries = 0; #timer = null; #refresh = null; #active = null; #closed = false; #refused = null; #refusals = 0;

    constructor(path, visit_id, on) {
        this.#path = path;
        this.#visit = visit_id;
        this.#on = on;
        this.#open();
    }

    async #open() {
        this.#on.state?.('connecting');
        try {
            const grant = await this.#grant(this.#refused !== null);
            const path = typeof this.#path === 'function' ? this.#path(grant) : this.#path;
            const hello = { ...await this.#token(), grant: grant.grant, ...this.#on.more?.() };
            if (this.#closed) return;
            this.#listen(new WebSocket(`wss://${location.host}${path}`, 'telecura.v1.json'), hello);
        } catch (error) {
            if (error instanceof Refused && error.status < 500 && error.status !== 429) this.#end(error);
            else this.#again();
        }
    }

    #grant(fresh) {
        return this.#on.ticket ? this.#on.ticket({ fresh }) : grant_of(this.#visit, { fresh });
    }

    async #token() {
        return this.#on.ticket ? {} : { token: await token() };
    }

    #listen(ws, hello) {
        this.#ws = ws;
        ws.onopen = async () => {
            try {
                const reply = await this.ask('connect', hello);
                this.#tries = 0;
                this.#refused = null;
                this.#refusals = 0;
                this.#on.opened?.(reply);
                this.#on.state?.('open');
                this.#refresh_before(reply.ends_at);
                this.#active = setInterval(() => this.#tell_active(), ACTIVE_EVERY_MS);
            } catch (error) {
                if (error.code === 'connection_lost') return;
                this.#refused = error;
                if (!error.retryable) this.#refusals++;
            }
        };
        ws.onmessage = ({ data }) => this.#heard(JSON.parse(data));
        ws.onclose = ({ code, reason }) => this.#lost(code, reason);
    }

    #heard({ id, error, ...frame }) {
        const [[type, body] = []] = Object.entries(frame);
        const waiting = this.#waiting.get(id);
        if (!waiting) return this.#on.pushed?.[type]?.(body);
        this.#waiting.delete(id);
        if (error) waiting.reject(new Refused(400, error));
        else waiting.resolve(body);
    }

    #lost(code, reason) {
        clearTimeout(this.#refresh);
        clearInterval(this.#active);
        for (const { reject } of this.#waiting.values())
            reject(new Refused(503, { code: 'connection_lost' }));
        this.#waiting.clear();
        this.#ws = null;
        if (this.#closed) return;
        if (code === LOGGED_OFF) {
            this.#closed = true;
            return hooks.logged_off();
        }
        /* What was refused may be over in a moment, or be cured by a new grant. */
        const may_again = this.#refused && this.#refusals < TRIES[code];
        if (code < STAY_OUT && code !== LEFT || code === GRANT_ENDED || may_again) this.#again();
        else this.#end(this.#refused ?? new Refused(403, { code: `closed_${code}`, title: reason }));
    }

    #again() {
        const ms = Math.min(FIRST_MS * 2 ** this.#tries++, LAST_MS);
        this.#on.state?.('connecting');
        this.#timer = setTimeout(() => this.#open(), ms * (0.5 + Math.random() / 2));
    }

    #end(error) {
        this.#closed = true;
        this.#on.state?.('ended', error);
    }

    #refresh_before(ends_at) {
        const ms = new Date(ends_at) - Date.now() - REFRESH_EARLY_MS;
        this.#refresh = setTimeout(async () => {
            try {
                const { grant } = await this.#grant(true);
                const reply = await this.ask('refresh', { grant, ...await this.#token() });
                this.#on.refreshed?.(reply);
                this.#refresh_before(reply.ends_at);
            } catch { /* the session ends with its grant, and comes back by a new one if it may */ }
        }, Math.max(ms, 1_000));
    }

    #tell_active() {
        if (awake.since(performance.now() - ACTIVE_EVERY_MS)) this.tell('active', {});
    }

    ask(type, body) {
        return new Promise((resolve, reject) => {
            if (this.#ws?.readyState !== WebSocket.OPEN)
                return reject(new Refused(503, { code: 'connection_lost' }));
            const id = ++this.#last_id;
            this.#waiting.set(id, { resolve, reject });
            this.#ws.send(JSON.stringify({ id, [type]: body }));
        });
    }

    tell(type, body) {
        if (this.#ws?.readyState === WebSocket.OPEN) this.#ws.send(JSON.stringify({ [type]: body }));
    }

    close() {
        this.#closed = true;
        clearTimeout(this.#timer);
        clearTimeout(this.#refresh);
        clearInterval(this.#active);
        this.#ws?.close(LEFT);
    }
}
