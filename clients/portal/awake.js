/*
 * awake - is somebody there? Keys, pointers and touches say so, in any of this sign-in's tabs, and so
 * does a call whose pictures flow.
 *
 *   awake.sign()                a sign of the person that is no key and no pointer
 *   awake.since(moment_ms)      was there one since then (performance.now())?
 *   awake.watch(minutes, gone)  calls it when there was none for so long; answers what ends the watch
 *
 * Sockets tell the server each minute (`active`); who gives no sign is logged off by it (4506). A screen
 * that only asks for news has no socket, and is watched here.
 */
const EVENTS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'];
const TOLD_EVERY_MS = 10_000, LOOK_EVERY_MS = 5_000, MINUTE_MS = 60_000;

const tabs = new BroadcastChannel('telecura awake');
let last_ms = performance.now(), told_ms = -Infinity;

export function since(moment_ms) { return last_ms >= moment_ms; }

export function sign() {
    last_ms = performance.now();
    if (last_ms - told_ms < TOLD_EVERY_MS) return;
    told_ms = last_ms;
    tabs.postMessage('');
}

export function watch(minutes, gone) {
    const look = setInterval(() => {
        if (since(performance.now() - minutes * MINUTE_MS)) return;
        clearInterval(look);
        gone();
    }, LOOK_EVERY_MS);
    return () => clearInterval(look);
}

tabs.onmessage = () => { last_ms = performance.now(); };
for (const event of EVENTS) addEventListener(event, sign, { passive: true, capture: true });
