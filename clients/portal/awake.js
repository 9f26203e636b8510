/*
 * awake - is somebody there? Keys, pointers and touches say so, in any of this sign-in's tabs, and so
 * does a call whose pictures flow.
 *
 *   awake.sign()                a sign of the person that is no key and no pointer
 *   awake.since(moment_ms)      was there one since then (performance.now())?
 *
 * Sockets tell the server each minute (`active`); who gives no sign is logged off by it (4506).
 */
const EVENTS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'];
const TOLD_EVERY_MS = 10_000;

const tabs = new BroadcastChannel('telecura awake');
let last_ms = performance.now(), told_ms = -Infinity;

export function since(moment_ms) { return last_ms >= moment_ms; }

export function sign() {
    last_ms = performance.now();
    if (last_ms - told_ms < TOLD_EVERY_MS) return;
    told_ms = last_ms;
    tabs.postMessage('');
}

tabs.onmessage = () => { last_ms = performance.now(); };
for (const event of EVENTS) addEventListener(event, sign, { passive: true, capture: true });
