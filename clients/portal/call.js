/*
 * call - one visit's call: the seat at signaling, and a Peer for each other person.
 *
 *   const call = new Call(visit_id, {media, relay_only, stream, state, ended})
 *   stream(person, role, media | null)     somebody's picture and sound; null: they left
 *   state(word)                            'connecting' | 'waiting' | 'connected' | 'reconnecting'
 *
 * Media do not go through signaling: when its connection breaks they go on, and the socket comes
 * back by itself. Signals are handled one after the other, as they came.
 */
import { Peer } from './peer.js';
import { Socket } from './socket.js';

export class Call {
    #socket; #on; #peers = new Map(); #seq = new Map(); #ice = null; #queue = Promise.resolve();

    constructor(visit_id, on) {
        this.#on = on;
        this.#socket = new Socket((grant) => `/v1/calls/${grant.channel_id}`, visit_id, {
            opened: (reply) => this.#opened(reply),
            refreshed: (reply) => this.#refreshed(reply),
            pushed: { signal: (body) => this.#later(() => this.#signal(body)), peer: (body) => this.#peer(body) },
            state: (word, error) => word === 'ended' && on.ended(error),
        });
    }

    /* Of those who are here already, each is offered to; who comes later offers to us. */
    #opened({ ice_servers, ice_transport_policy, peers }) {
        this.#seq.clear();
        this.#ice_of(ice_servers, ice_transport_policy);
        for (const { person, role, polite } of peers) {
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
        const peer = new Peer({
            ice: this.#ice, polite, media: this.#on.media,
            send: (type, gen, data) => this.#socket.tell('signal', { to: person, type, gen, seq: this.#next(person), data }),
            stream: (media) => this.#on.stream(person, role, media),
            state: () => this.#tell_state(),
        });
        this.#peers.set(person, { peer, role, polite });
        return peer;
    }

    #next(person) {
        const seq = (this.#seq.get(person) ?? 0) + 1;
        this.#seq.set(person, seq);
        return seq;
    }

    async #signal(signal) {
        const known = this.#peers.get(signal.from);
        if (signal.type === 'hangup') return this.#forget(signal.from);
        const peer = known?.peer ?? this.#meet(signal.from, '', this.#politeness.get(signal.from) ?? true);
        if (await peer.heard(signal)) return;

        /* Another page of the same person: begin anew; an offer of theirs is the beginning. */
        const anew = this.#meet(signal.from, known.role, known.polite);
        if (signal.type === 'offer') await anew.heard(signal);
        else await anew.offer();
    }

    #politeness = new Map();

    #peer({ person, role, polite, state }) {
        this.#politeness.set(person, polite);
        if (state === 'joined') this.#on.joined?.(role);
        /* Their socket has gone; the media tell whether they have. */
        if (state === 'left' && !this.#peers.get(person)?.peer.is_connected) this.#forget(person);
        this.#tell_state();
    }

    #forget(person) {
        const known = this.#peers.get(person);
        this.#peers.delete(person);
        known?.peer.close();
        this.#on.stream(person, known?.role, null);
        this.#tell_state();
    }

    #tell_state() {
        const peers = [...this.#peers.values()];
        this.#on.state(peers.length === 0 ? 'waiting'
            : peers.every(({ peer }) => peer.is_connected) ? 'connected' : 'reconnecting');
    }

    leave() {
        for (const person of this.#peers.keys())
            this.#socket.tell('signal', { to: person, type: 'hangup', gen: 0, seq: this.#next(person) });
        this.#socket.tell('leave', {});
        this.#peers.forEach(({ peer }) => peer.close());
        this.#socket.close();
    }
}
