/*
 * peer - the media connection to one other person (perfect negotiation: who is polite yields).
 *
 *   const peer = new Peer({ice, polite, media, send(type, gen, data), stream, state})
 *   peer.offer()               the one who came later offers
 *   peer.heard(signal)
 *   peer.restart(ice)          new servers, a new way
 *   peer.close()
 *
 * `data` is JSON that names the page at each end, too: a page that was loaded again is a new one,
 * and the other end begins anew with it (heard() answers false: throw this peer away).
 */
const PAGE = crypto.randomUUID();

export class Peer {
    #pc; #polite; #send; #gen = 0; #page = null; #offering = false; #ignoring = false;

    constructor({ ice, polite, media, send, stream, state }) {
        this.#pc = new RTCPeerConnection(ice);
        this.#polite = polite;
        this.#send = send;
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

    #tell(type, data) { this.#send(type, this.#gen, JSON.stringify({ page: PAGE, ...data })); }

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
        this.#pc.onnegotiationneeded = () => this.offer();
    }

    /* Who sends nothing of a kind still wants to see or hear it. */
    #expect(kind) {
        const is_there = this.#pc.getTransceivers().some(({ receiver }) => receiver.track.kind === kind);
        if (!is_there) this.#pc.addTransceiver(kind, { direction: 'recvonly' });
    }

    restart(ice) {
        if (ice) this.#pc.setConfiguration(ice);
        this.#gen++;
        return this.offer({ iceRestart: true });
    }

    set_ice(ice) { this.#pc.setConfiguration(ice); }    /* for the next restart */

    async heard({ type, gen, data }) {
        const { page, sdp, candidate } = JSON.parse(data);
        this.#page ??= page;
        if (page !== this.#page) return false;
        this.#gen = Math.max(this.#gen, gen);
        if (type === 'offer') await this.#take_offer(sdp);
        else if (type === 'answer') await this.#take_answer(sdp);
        else if (type === 'candidate') await this.#take_candidate(candidate);
        return true;
    }

    async #take_offer(sdp) {
        const both = this.#offering || this.#pc.signalingState !== 'stable';
        this.#ignoring = both && !this.#polite;
        if (this.#ignoring) return;
        await this.#pc.setRemoteDescription({ type: 'offer', sdp });   /* ours is rolled back */
        const answer = await this.#pc.createAnswer();
        await this.#pc.setLocalDescription(answer);
        this.#tell('answer', { sdp: answer.sdp });
        this.#pc.onnegotiationneeded = () => this.offer();
    }

    async #take_answer(sdp) {
        if (this.#pc.signalingState === 'have-local-offer')
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
