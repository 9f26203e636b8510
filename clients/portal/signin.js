/*
 * signin - OpenID Connect: code with PKCE, tokens in this page's memory and nowhere else.
 *
 *   await signin.start()        at load: takes the code that came back, or asks silently
 *   signin.signed_in()
 *   signin.go()                 leaves for the sign-in page
 *   await signin.token()        an access token that is good for a while yet; refreshes by itself
 *   await signin.step_up()      a fresh second factor, in a window of its own (call it in a click)
 *   await signin.end()          the sign-in is over; sign_out() goes to the first page as well
 *   await signin.sign_out()
 *
 * What has to outlive the way to the sign-in page and back (verifier, state, screen) lies in this
 * tab's sessionStorage until it is used; tokens never do. A page that is loaded again asks the
 * identity provider without a prompt, if somebody had signed in in this tab.
 */
const ISSUER = new URL(document.querySelector('meta[name=issuer]').content, location.origin).href;
const CLIENT = 'portal';
const EARLY_MS = 60_000;        /* a token is replaced this long before it ends */
const ASKED = 'telecura.asked', WAS_IN = 'telecura.was_in';

let tokens = null;              /* {access, refresh, ends_ms} */
let refreshing = null;
let endpoints_known = null;

const base64url = (bytes) => btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function challenge_of(verifier) {
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
    return base64url(new Uint8Array(hash));
}

function endpoints() {
    endpoints_known ??= fetch(`${ISSUER}/.well-known/openid-configuration`).then((answer) => {
        if (!answer.ok) throw new Error('the identity provider does not answer');
        return answer.json();
    }).catch((error) => { endpoints_known = null; throw error; });
    return endpoints_known;
}

/* {url, asked}: where to send the person, and what has to be known when they come back. The answer
 * comes in the fragment, which no server and no log sees. */
async function request(redirect_uri, { acr = '1', prompt } = {}) {
    const asked = { state: random(), verifier: random(), redirect_uri, screen: location.hash };
    const query = new URLSearchParams({
        client_id: CLIENT, response_type: 'code', response_mode: 'fragment', scope: 'openid',
        redirect_uri, state: asked.state, acr_values: acr, code_challenge_method: 'S256',
        code_challenge: await challenge_of(asked.verifier), ...(prompt && { prompt }),
    });
    return { url: `${(await endpoints()).authorization_endpoint}?${query}`, asked };
}

async function ask_tokens(form) {
    const answer = await fetch((await endpoints()).token_endpoint, {
        method: 'POST', credentials: 'omit', body: new URLSearchParams({ client_id: CLIENT, ...form }),
    });
    if (!answer.ok) throw new Error('the sign-in was not accepted');
    const { access_token, refresh_token, expires_in } = await answer.json();
    tokens = {
        access: access_token, refresh: refresh_token,
        ends_ms: performance.now() + expires_in * 1000,
    };
}

function take_code(back, asked) {
    if (back.get('state') !== asked.state) throw new Error('this is not the sign-in that was asked for');
    if (!back.get('code')) throw new Error(back.get('error') ?? 'no code came back');
    return ask_tokens({
        grant_type: 'authorization_code', code: back.get('code'),
        redirect_uri: asked.redirect_uri, code_verifier: asked.verifier,
    });
}

function take_asked() {
    const asked = JSON.parse(sessionStorage.getItem(ASKED) ?? 'null');
    sessionStorage.removeItem(ASKED);
    return asked;
}

export async function start() {
    const back = new URLSearchParams(location.hash.slice(1));
    const asked = take_asked();

    if (!back.has('state')) {
        if (sessionStorage.getItem(WAS_IN)) await go({ prompt: 'none' });
        return;
    }
    history.replaceState(null, '', location.pathname + (asked?.screen ?? ''));
    if (back.get('error') === 'login_required') return sessionStorage.removeItem(WAS_IN);
    if (!asked) return;
    await take_code(back, asked);
    sessionStorage.setItem(WAS_IN, 'yes');
}

export function signed_in() { return tokens !== null; }

/* Ends this page; never returns. */
export async function go(options) {
    const { url, asked } = await request(location.origin + '/', options);
    sessionStorage.setItem(ASKED, JSON.stringify(asked));
    location.assign(url);
    await new Promise(() => {});
}

export async function token() {
    if (!tokens) throw new Error('nobody is signed in');
    if (performance.now() < tokens.ends_ms - EARLY_MS) return tokens.access;
    refreshing ??= (tokens.refresh
        ? ask_tokens({ grant_type: 'refresh_token', refresh_token: tokens.refresh })
        : Promise.reject(new Error('the sign-in has ended'))
    ).finally(() => { refreshing = null; });
    try {
        await refreshing;
    } catch (error) {
        if (performance.now() > tokens.ends_ms) tokens = null;
        if (!tokens) throw error;       /* else the old one is still good */
    }
    return tokens.access;
}

export async function step_up() {
    const opened = window.open('about:blank', '_blank', 'popup,width=520,height=680');
    const { url, asked } = await request(location.origin + '/signed-in.html', { acr: '2' });
    const channel = new BroadcastChannel('telecura sign-in');
    try {
        const back = await new Promise((resolve) => {
            channel.onmessage = ({ data }) => {
                const answer = new URLSearchParams(data);
                if (answer.get('state') === asked.state) resolve(answer);
            };
            if (opened) opened.location = url;
        });
        await take_code(back, asked);
    } finally {
        channel.close();
    }
}

/* Of this page and at the identity provider. */
export async function end() {
    const { refresh } = tokens ?? {};
    tokens = null;
    sessionStorage.removeItem(WAS_IN);
    if (refresh)
        await fetch((await endpoints()).end_session_endpoint, {
            method: 'POST', credentials: 'omit',
            body: new URLSearchParams({ client_id: CLIENT, refresh_token: refresh }),
        }).catch(() => {});     /* the token ends by itself */
}

export async function sign_out() {
    await end();
    location.assign('/');
}
