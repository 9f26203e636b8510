/*
 * chat - one visit's messages in their one order, each once, over breaks.
 *
 *   const chat = new Chat(visit_id, {said: (message) => …, consent: ({scope, left}) => …, state})
 *   await chat.send('…')          resolves when it is committed; again after a break, by the same id
 */
import { Socket } from './socket.js';

const AGAIN_MS = 500, TRIES = 20;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Chat {
    #socket; #on; #offset = 0; #epoch = null; #catching = false; #closed = false;

    constructor(visit_id, on) {
        this.#on = on;
        this.#socket = new Socket('/v1/stream', visit_id, {
            more: () => this.#epoch ? { resume: { offset: this.#offset, epoch: this.#epoch } } : {},
            opened: (reply) => this.#opened(reply),
            pushed: { message: (message) => this.#say(message), consent: on.consent },
            state: on.state,
        });
    }

    #opened({ epoch, recovered, messages, more }) {
        if (!recovered) this.#offset = 0;
        this.#epoch = epoch;
        messages.forEach((message) => this.#say(message));
        if (more) this.#catch_up();
    }

    #say(message) {
        if (message.offset <= this.#offset) return;     /* it came twice */
        if (message.offset > this.#offset + 1) return this.#catch_up();
        this.#offset = message.offset;
        this.#on.said(message);
    }

    async #catch_up() {
        if (this.#catching) return;
        this.#catching = true;
        try {
            for (let more = true; more;) {
                const page = await this.#socket.ask('history', { after_offset: this.#offset });
                page.messages.forEach((message) => this.#say(message));
                more = page.more;
            }
        } catch { /* the connection broke: the next one resumes */
        } finally {
            this.#catching = false;
        }
    }

    async send(body) {
        const message_id = crypto.randomUUID();
        for (let i = 0; ; i++) {
            try {
                return await this.#socket.ask('send', { message_id, body });
            } catch (error) {
                if (error.code !== 'connection_lost' || this.#closed || i === TRIES) throw error;
                await wait(AGAIN_MS);
            }
        }
    }

    close() {
        this.#closed = true;
        this.#socket.close();
    }
}
