/*
 * peer - the media connection to one other person (perfect negotiation: who is polite yields).
 *
 *   const peer = new Peer({ice, polite, media, send(type, data), restarts, stream, state})
 *   peer.offer()               the one who came later offers
 *   peer.heard(type, data)
 *   peer.restart(ice)          new servers, a new way; `restarts` is told first
 *   peer.close()
 *
 * Each connection has a name; `data` says whose it is (`me`) and whose it is meant for (`you`, once
 * that is known). A page that was loaded again has a connection of another name, and call.js begins
 * anew with it: a description that belongs to neither end's connection is never applied.
 */
export class Peer {
    #pc; #polite; #send; #restarts; #offering = false; #ignoring = false;

    constructor({ ice, polite, media, send, restarts, stream, state }) {
        this.id = crypto.randomUUID();
        this.remote = null;
        this.#pc = new RTCPeerConnection(ice);
        this.#polite = polite;
        this.#send = send;
        this.#restarts = restarts;
        media.getTracks().forEach((track) => this.#pc.addTrack(track, media));
        this.#pc.ontrack = ({ streams }) => stream(streams[0]);
        this.#pc.onconnectionstatechange = () => {
            state(this.#pc.connectionState);
            if (this.#pc.connectionState === 'failed') this.restart();
        };
        this.#pc.onicecandidate = ({ candidate }) => {
            if (candidate?.candidate) this.#tell('candidate', { candidate });
        };
    }

    get is_connected() { return this.#pc.connectionState === 'connected'; }

    #tell(type, data) { this.#send(type, { me: this.id, you: this.remote, ...data }); }

    async offer(options) {
        try {
            this.#offering = true;
            for (const kind of ['audio', 'video']) this.#expect(kind);
            const offer = await this.#pc.createOffer(options);
            if (this.#pc.signalingState !== 'stable') return;
            await this.#pc.setLocalDescription(offer);
            this.#tell('offer', { sdp: offer.sdp });
        } finally {
            this.#offering = false;
        }
    }

    /* Who sends nothing of a kind still wants to see or hear it. */
    #expect(kind) {
        const is_there = this.#pc.getTransceivers().some(({ receiver }) => receiver.track.kind === kind);
        if (!is_there) this.#pc.addTransceiver(kind, { direction: 'recvonly' });
    }

    restart(ice) {
        if (ice) this.#pc.setConfiguration(ice);
        this.#restarts();
        return this.offer({ iceRestart: true });
    }

    set_ice(ice) { this.#pc.setConfiguration(ice); }    /* for the next restart */

    async heard(type, { me, sdp, candidate }) {
        if (type === 'offer') await this.#take_offer(me, sdp);
        else if (type === 'answer') await this.#take_answer(me, sdp);
        else if (type === 'candidate') await this.#take_candidate(candidate);
    }

    async #take_offer(from, sdp) {
        const both = this.#offering || this.#pc.signalingState !== 'stable';
        this.#ignoring = both && !this.#polite;
        if (this.#ignoring) return;
        this.remote = from;
        await this.#pc.setRemoteDescription({ type: 'offer', sdp });   /* ours is rolled back */
        const answer = await this.#pc.createAnswer();
        await this.#pc.setLocalDescription(answer);
        this.#tell('answer', { sdp: answer.sdp });
    }

    async #take_answer(from, sdp) {
        if (this.#pc.signalingState !== 'have-local-offer') return;
        this.remote = from;
        await this.#pc.setRemoteDescription({ type: 'answer', sdp });
    }

    async #take_candidate(candidate) {
        try {
            await this.#pc.addIceCandidate(candidate);
        } catch (error) {
            if (!this.#ignoring) throw error;   /* it belongs to the offer that was ignored */
        }
    }

    close() { this.#pc.close(); }
}
