# Parts taken away and killed, settings that are wrong: the whole suite beside a running one.
faults: packages
	@$(MAKE) --no-print-directory -j2 all openapi
	@$(PYTEST) tests/faults
.PHONY: faults
