"""Nobody is there: a screen that only asks for news ends the sign-in as an open visit does. The page's clock is put
forward; the minutes are the clinician's own (common/app/sessions.def)."""
from browser import Browser

CLOCK = """
const real = performance.now.bind(performance);
window.ahead_ms = 0;
performance.now = () => real() + window.ahead_ms;
"""
NEWS = "return performance.getEntriesByType('resource').filter(({ name }) => name.includes('/v1/queue')).length"


def test_the_queue_is_left_when_nobody_is_there(door):
    lee = Browser(door, "dr.lee")
    try:
        lee.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": CLOCK})
        lee.sign_in()
        lee.click("Waiting room")
        lee.until(lambda: lee.driver.execute_script(NEWS) > 1, "news of the queue")
        lee.driver.execute_script("window.ahead_ms = 14 * 60000")
        lee.driver.execute_script("window.dispatchEvent(new Event('keydown'))")
        lee.driver.execute_script("window.ahead_ms = 28 * 60000")
        asked = lee.driver.execute_script(NEWS)
        lee.until(lambda: lee.driver.execute_script(NEWS) > asked + 1, "news: a key was pressed 14 minutes ago")
        lee.driver.execute_script("window.ahead_ms = 44 * 60000")
        lee.see("because nobody was here for a while")
        lee.driver.refresh()
        lee.see("Sign in")
        assert "Waiting room" not in lee.text
    finally:
        lee.close()
