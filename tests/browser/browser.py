"""A person with a real browser: headless Chromium with a fake camera, driven over WebDriver.

    ana = Browser(door, "ana")          # signed in through the portal
    ana.click("Join the call")          # a button or link by its words
    ana.see("Connected")                # waits until the page says so
    ana.fill("What is it about?", "…")  # a field by its label
    ana.received()                      # {frames, bytes, relayed} of all that she has got so far

Each browser is a process of its own, with a profile of its own that goes with it.
"""
import os
import pathlib
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

import login

AWAIT_S = 60     # a loaded machine is slow, and is not the fault that is looked for
OPTIONS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--lang=en-US",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--window-size=1280,1000", "--no-proxy-server", "--ignore-certificate-errors",   # the suite's CA is its own
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",      # here the relay is on this machine
]
# Every RTCPeerConnection of the page, so that the test can read its statistics.
WATCH = """
const Real = window.RTCPeerConnection;
window.peers = [];
window.RTCPeerConnection = class extends Real {
    constructor(...given) { super(...given); window.peers.push(this); }
};
"""
STATISTICS = """
const done = arguments[arguments.length - 1];
const open = (window.peers ?? []).filter((peer) => peer.connectionState === 'connected');
Promise.all(open.map((peer) => peer.getStats())).then((reports) => {
    const rows = reports.flatMap((report) => [...report.values()]);
    const by_id = Object.fromEntries(rows.map((row) => [row.id, row]));
    const pairs = rows.filter((row) => row.type === 'transport')
        .map((row) => by_id[row.selectedCandidatePairId]).filter(Boolean);
    const inbound = (kind) => rows.filter((row) => row.type === 'inbound-rtp' && row.kind === kind);
    const sum = (list, key) => list.reduce((n, row) => n + (row[key] ?? 0), 0);
    done({
        frames: sum(inbound('video'), 'framesDecoded'), packets: sum(inbound('audio'), 'packetsReceived'),
        ways: pairs.map((pair) => by_id[pair.localCandidateId].candidateType),
    });
});
"""


class Browser:
    def __init__(self, door, name):
        self.door, self.name, self.person = door, name, door.people[name]
        self.profile = tempfile.TemporaryDirectory(prefix="tc-browser-", dir="/tmp")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for option in [*OPTIONS, f"--user-data-dir={self.profile.name}"]:
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        self.driver.get(door.parts["gateway"] + "/")

    def close(self):
        self.driver.quit()
        self.profile.cleanup()

    def sign_in(self):
        self.click("Sign in")
        self._type("input[name=username]", self.person["username"])
        self._type("input[name=password]", self.person["password"] + Keys.ENTER)
        self.see("Sign out")
        return self

    # What the page says.

    def find(self, css):
        found = self.driver.find_elements(By.CSS_SELECTOR, css)
        return found[0] if found else None

    @property
    def text(self):
        body = self.find("body")
        return body.text if body else ""

    def until(self, question, what, seconds=AWAIT_S):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                answer = question()
                if answer:
                    return answer
            except StaleElementReferenceException:
                pass        # the page is being drawn anew
            time.sleep(0.1)
        raise AssertionError(f"{self.name} waits for {what}; the page says:\n{self.text[:1500]}")

    def see(self, text, seconds=AWAIT_S):
        return self.until(lambda: text in self.text, f"“{text}”", seconds)

    # What the person does.

    def _named(self, words):
        path = (f"//button[normalize-space(.)='{words}'] | //a[normalize-space(.)='{words}'] | "
                f"//label[normalize-space(.)='{words}']")
        return [e for e in self.driver.find_elements(By.XPATH, path) if e.is_displayed() and e.is_enabled()]

    def click(self, words):
        """The last of that name: a dialog's stands behind the page's."""
        def done():
            found = self._named(words)
            if found:
                self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found[-1])
                found[-1].click()
            return found
        self.until(done, f"a button “{words}”")

    def _field(self, label):
        for element in self.driver.find_elements(By.XPATH, f"//label[normalize-space(.)='{label}']"):
            if element.is_displayed():
                return self.driver.find_element(By.ID, element.get_attribute("for"))
        return None

    def fill(self, label, text):
        def done():
            field = self._field(label)
            if field:
                field.clear()
                field.send_keys(text)
            return field
        self.until(done, f"a field “{label}”")

    def _type(self, css, text):
        def done():
            field = self.find(css)
            if field:
                field.send_keys(text)
            return field
        self.until(done, css)

    def choose(self, label, option):
        self.until(lambda: self._field(label), f"a choice “{label}”")
        Select(self._field(label)).select_by_visible_text(option)

    def write(self, text):
        """A message in the chat."""
        self._type("input[name=message]", text + Keys.ENTER)

    def give_second_factor(self):
        """In the window that the page has opened."""
        page = self.driver.current_window_handle
        self.until(lambda: len(self.driver.window_handles) > 1, "the sign-in window")
        self.driver.switch_to.window(next(w for w in self.driver.window_handles if w != page))
        self._type("input[name=otp]", login.totp(self.person["totp_secret"]) + Keys.ENTER)
        self.until(lambda: len(self.driver.window_handles) == 1, "the window to close")
        self.driver.switch_to.window(page)

    # What the test wants to know.

    def received(self):
        return self.driver.execute_async_script(STATISTICS)

    def receives(self):
        """Waits until a second of picture and sound has come since now."""
        before = self.received()
        return self.until(lambda: (now := self.received())["frames"] > before["frames"] + 15
                          and now["packets"] > before["packets"] + 30 and now, "more picture and sound")

    def faults(self):
        """What the browser itself complained of: scripts, and what the page's policy refused."""
        return [row["message"] for row in self.driver.get_log("browser")
                if row["level"] == "SEVERE" and "status of 4" not in row["message"]]

    def shot(self, name):
        folder = os.environ.get("TELECURA_SHOTS")
        if folder:
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(f"{folder}/{name}-{self.name}-{time.time():.0f}.png")
