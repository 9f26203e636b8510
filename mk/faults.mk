# Parts taken away and killed, settings that are wrong, every byte to clients held against what has
# committed: the whole suite beside a running one.
faults: packages
	@$(MAKE) --no-print-directory -j2 all openapi
	@$(PYTEST) tests/faults
	@$(MAKE) --no-print-directory $B/tests/mock/kafka
	@SWEEP=all $(PYTEST) $(patsubst %,tests/integration/audit/test_%.py,fsck log feed)
.PHONY: faults
