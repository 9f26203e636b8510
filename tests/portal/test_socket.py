"""What the portal does when a connection is closed: come back, come back with another grant, or stay out;
its own socket.js and awake.js in a real Chromium, against a server that closes as the table says."""
import pathlib
import sys

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TREE / folder) for folder in ("tests/browser", "deploy/local")]

from browser import OPTIONS     # noqa: E402
from closing import Site        # noqa: E402
from identity import Authority  # noqa: E402

AWAIT_S = 60
OPEN = [("open", None)]
# A socket on the portal's own module; a grant is counted, and whether it had to be a new one.
BEGIN = """
const done = arguments[0];
Promise.all([import('/socket.js'), import('/api.js')]).then(([{ Socket }, { hooks }]) => {
    window.grants = [];
    window.states = [];
    hooks.logged_off = () => window.states.push('logged off');
    window.last = new Socket('/socket', null, {
        ticket: async ({ fresh }) => { window.grants.push(fresh); return { grant: `grant ${window.grants.length}` }; },
        state: (word, error) => window.states.push(word === 'ended' ? `ended ${error.code}` : word),
    });
    done();
});
"""
# script of the server; how the socket ends; which grants were asked for anew
CASES = {
    "a grant that does not open is replaced three times": ([("refuse", 4500)], "ended forbidden", [False, True, True]),
    "what was taken back is asked for once more": ([("refuse", 4503)], "ended forbidden", [False, True]),
    "and may be given again": ([("refuse", 4503), *OPEN], "open", [False, True]),
    "a grant that is over is replaced": ([("refuse", 4504)] * 2 + OPEN, "open", [False, True, True]),
    "one that ends while it is open, too": ([("open", 4504), *OPEN], "open", [False, False]),
    "who is taken out while they are in stays out": ([("open", 4503)], "ended closed_4503", [False]),
    "so does who breaks the rules": ([("open", 4505)], "ended closed_4505", [False]),
    "who is sent elsewhere comes": ([("open", 4001), *OPEN], "open", [False, False]),
    "who comes in a bad moment comes again": ([("later", 4000)] * 2 + OPEN, "open", [False, True, True]),
    "who was not there is logged off": ([("open", 4506)], "logged off", [False]),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(*Authority(str(tmp_path_factory.mktemp("site") / "tls")).leaf("portal"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def page(site, tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for option in [*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(option)
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    driver.set_script_timeout(AWAIT_S)
    yield driver
    driver.quit()


def wait_for(page, question):
    """The page's answer, once it is one."""
    return page.execute_async_script(
        f"const done = arguments[0], ask = () => {{ const answer = {question}; answer ? done(answer) : setTimeout(ask, 20); }}; ask();")


@pytest.mark.parametrize("case", CASES)
def test_a_connection_is_closed(site, page, case):
    site.script, end, fresh = CASES[case]
    site.seen = []
    page.get(site.url)
    page.execute_async_script(BEGIN)
    assert wait_for(page, f"window.grants.length >= {len(fresh)} && window.states.at(-1) === '{end}' && window.states")[-1] == end
    assert page.execute_script("return window.grants") == fresh
    assert [asked["grant"] for asked in site.seen] == [f"grant {n + 1}" for n in range(len(fresh))]
    page.execute_script("window.last.close()")


def test_who_shows_no_sign_is_gone(site, page):
    """By the page's own clock, which is put forward; the watch looks when it is told to."""
    page.get(site.url)
    page.execute_async_script("""
        const done = arguments[0], real = performance.now.bind(performance);
        window.ahead_ms = window.gone = 0;
        performance.now = () => real() + window.ahead_ms;
        window.setInterval = (look) => { window.look = look; };
        import('/awake.js').then((awake) => {
            awake.watch(15, () => { window.gone++; });
            window.awake = awake;
            done();
        });""")
    assert page.execute_script("window.ahead_ms = 14 * 60000; window.look(); return window.gone") == 0
    assert page.execute_script("window.awake.sign(); window.ahead_ms = 28 * 60000; window.look(); return window.gone") == 0
    assert page.execute_script("window.ahead_ms = 30 * 60000; window.look(); return window.gone") == 1
