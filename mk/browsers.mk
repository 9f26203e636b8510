# Two headless Chromiums on a running suite: media through the relay, and the call that goes on when
# its replica is killed. Debian's chromium, chromium-driver and python3-selenium; part of test-all.
BROWSER_PACKAGES := chromium chromium-driver python3-selenium

browsers: all
	@dpkg-query -W $(BROWSER_PACKAGES) >/dev/null 2>&1 || { \
	  echo 'browsers: packages are missing' >&2; \
	  echo '    Fix (as root): apt-get install -y --no-install-recommends $(BROWSER_PACKAGES)' >&2; exit 1; }
	@$(PYTEST) -x tests/browser

.PHONY: browsers
