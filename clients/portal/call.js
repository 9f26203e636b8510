/*
 * call - one visit's call: the seat at signaling, and a Peer for each other person.
 *
 *   const call = new Call(visit_id, {media, relay_only, stream, state, ended, ticket})
 *   stream(person, role, media | null)     somebody's picture and sound; null: they left
 *   state(word)                            'connecting' | 'waiting' | 'connected' | 'reconnecting'
 *
 * Media do not go through signaling: when its connection breaks they go on, and the socket comes
 * back by itself. Signals are handled one after the other, as they came.
 */
import * as awake from './awake.js';
import { Peer } from './peer.js';
import { Socket } from './socket.js';

const SIGN_EVERY_MS = 30_000;       /* who is in a call touches nothing */

export class Call {
    #sign;
    #socket; #on; #peers = new Map(); #flows = new Map(); #polite = new Map(); #ice = null; #queue = Promise.resolve();

    constructor(visit_id, on) {
        this.#on = on;
        this.#sign = setInterval(() => { if (this.#is_connected()) awake.sign(); }, SIGN_EVERY_MS);
        this.#socket = new Socket((grant) => `/v1/calls/${grant.channel_id}`, visit_id, {
            opened: (reply) => this.#opened(reply),
            refreshed: (reply) => this.#refreshed(reply),
            pushed: { signal: (body) => this.#later(() => this.#signal(body)), peer: (body) => this.#peer(body) },
            state: (word, error) => word === 'ended' && this.#end(error),
            ticket: on.ticket,
        });
    }

    /* Of those who are here already, each is offered to; who comes later offers to us. */
    #opened({ ice_servers, ice_transport_policy, peers }) {
        this.#ice_of(ice_servers, ice_transport_policy);
        for (const { person, role, polite } of peers) {
            this.#polite.set(person, polite);
            const known = this.#peers.get(person);
            if (known?.peer.is_connected) continue;     /* only the socket had gone */
            if (known) known.peer.restart(this.#ice).catch(() => {});
            else this.#later(() => this.#meet(person, role, polite).offer());
        }
        this.#tell_state();
    }

    #refreshed({ ice_servers }) {
        this.#ice_of(ice_servers, this.#ice.iceTransportPolicy);
        this.#peers.forEach(({ peer }) => peer.set_ice(this.#ice));
    }

    #ice_of(servers, policy) {
        this.#ice = {
            iceServers: servers,
            iceTransportPolicy: this.#on.relay_only ? 'relay' : policy,
        };
    }

    #later(act) {
        this.#queue = this.#queue.then(act).catch((error) => console.warn('call:', error.name));
    }

    #meet(person, role, polite) {
        this.#peers.get(person)?.peer.close();
        this.#flow_anew(person);
        const peer = new Peer({
            ice: this.#ice, polite, media: this.#on.media,
            send: (type, data) => this.#tell(person, type, data),
            restarts: () => this.#flow_anew(person),
            stream: (media) => this.#on.stream(person, role, media),
            state: () => { this.#forget_gone(person); this.#tell_state(); },
        });
        this.#peers.set(person, { peer, role });
        return peer;
    }

    /* gen counts beginnings, seq the signals of each: what comes too late is dropped on the way. */
    #flow_anew(person) {
        this.#flows.set(person, { gen: (this.#flows.get(person)?.gen ?? 0) + 1, seq: 0 });
    }

    #tell(person, type, data = {}) {
        const flow = this.#flows.get(person) ?? { gen: 0, seq: 0 };
        this.#flows.set(person, flow);
        flow.seq++;
        this.#socket.tell('signal', { to: person, type, ...flow, data: JSON.stringify(data) });
    }

    async #signal({ from, type, data }) {
        const known = this.#peers.get(from), peer = known?.peer;
        const begin = () => this.#meet(from, known?.role ?? '', this.#polite.get(from) ?? true);
        const { me, you } = JSON.parse(data || '{}');

        if (type === 'hangup') return this.#forget(from);
        if (type === 'restart') {       /* unless our offer is on its way already */
            if (!peer || peer.remote) await begin().offer();
        } else if (you && you !== peer?.id) {       /* for a connection that is gone here */
            if (type === 'offer') this.#tell(from, 'restart');
        } else if (peer && (!peer.remote || peer.remote === me)) {
            await peer.heard(type, JSON.parse(data));
        } else if (type === 'offer') {  /* the first one, or another page of the same person */
            await begin().heard(type, JSON.parse(data));
        }
    }

    #peer({ person, role, polite, state }) {
        this.#polite.set(person, polite);
        /* They offer; but if they think that they still have us, they have our former page. */
        if (state === 'joined' && !this.#peers.has(person)) this.#tell(person, 'restart');
        const known = this.#peers.get(person);
        if (known) known.left = state === 'left';
        this.#forget_gone(person);
        this.#tell_state();
    }

    /* Whose socket has gone; the media tell whether they have. */
    #forget_gone(person) {
        const known = this.#peers.get(person);
        if (known?.left && !known.peer.is_connected) this.#forget(person);
    }

    /* They may not be here any more, whatever their page does. */
    drop(person) { this.#forget(person); }

    /* Nor may we: what signaling has ended no media go on with. */
    #end(error) {
        clearInterval(this.#sign);
        [...this.#peers.keys()].forEach((person) => this.#forget(person));
        this.#on.ended(error);
    }

    #forget(person) {
        const known = this.#peers.get(person);
        this.#peers.delete(person);
        known?.peer.close();
        this.#on.stream(person, known?.role, null);
        this.#tell_state();
    }

    #is_connected() { return [...this.#peers.values()].some(({ peer }) => peer.is_connected); }

    #tell_state() {
        const peers = [...this.#peers.values()];
        this.#on.state(peers.length === 0 ? 'waiting'
            : peers.every(({ peer }) => peer.is_connected) ? 'connected' : 'reconnecting');
    }

    leave() {
        for (const person of this.#peers.keys()) this.#tell(person, 'hangup');
        clearInterval(this.#sign);
        this.#socket.tell('leave', {});
        this.#peers.forEach(({ peer }) => peer.close());
        this.#socket.close();
    }
}
