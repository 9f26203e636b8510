/*
 * media - this person's camera and microphone, opened once and kept from the device check through
 * the call. Who has no camera, or does not allow it, joins with sound alone, or with neither.
 */
const WISHES = [
    { audio: true, video: { width: { ideal: 640 }, height: { ideal: 360 } } },
    { audio: true },
    { video: true },
];

let stream = null;

export async function media_open() {
    for (const wish of WISHES) {
        if (stream) break;
        stream = await navigator.mediaDevices?.getUserMedia(wish).catch(() => null);
    }
    return stream ??= new MediaStream();
}

export function media_close() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
}

export const media_has = (kind) => Boolean(stream?.getTracks().some((track) => track.kind === kind));

/* Is it on now? */
export function media_toggle(kind) {
    const tracks = stream.getTracks().filter((track) => track.kind === kind);
    tracks.forEach((track) => { track.enabled = !track.enabled; });
    return tracks.some((track) => track.enabled);
}
