# Two headless Chromiums on a suite of their own: media through the relay, and the call that goes on
# when its replica is killed; before that one without a suite, against a server that closes. Part of test-all.
browsers: packages
	@$(MAKE) --no-print-directory -j2 all openapi
	@$(PYTEST) tests/portal
	@$(PYTEST) -x tests/browser

.PHONY: browsers
