# Parts taken away and killed, settings that are wrong, every byte to clients held against what has
# committed: the whole suite beside a running one.
faults: on-record faults-timed many sweep

# What holds on any machine, however busy: every byte is on record, and what was planted is named.
ON_RECORD := $(patsubst %,tests/faults/test_%.py,fail_closed reconcile commits)
on-record: packages
	@$(MAKE) --no-print-directory -j2 all openapi
	@$(PYTEST) $(ON_RECORD)

# What promises seconds.
faults-timed: packages
	@$(MAKE) --no-print-directory -j2 all openapi
	@$(PYTEST) tests/faults $(patsubst %,--ignore=%,$(ON_RECORD) $(MANY))

# Every byte and every moment of the log, where `make test` takes samples.
sweep: packages
	@$(MAKE) --no-print-directory -j2 all openapi $B/tests/mock/kafka $B/tests/faults/append
	@SWEEP=all $(PYTEST) $(patsubst %,tests/integration/audit/test_%.py,append controls fsck feed log second shards telectl)

# A hundred thousand acts while parts are killed, in the build that is delivered. EVENTS= fewer.
MANY := tests/faults/test_hundred_thousand.py
many: packages
	@$(MAKE) --no-print-directory -j2 MODE=release B=build/release all openapi
	@TELECURA_BIN=$(abspath build/release/bin) $(PYTEST) -s $(MANY)

# A day on one connection by grants of a minute, on the test clock: two minutes.
soak: packages
	@$(MAKE) --no-print-directory -j2 all
	@TELECURA_SOAK_HOURS=24 $(PYTEST) tests/integration/messaging/test_chat.py -k hours_on_one_connection
.PHONY: faults on-record faults-timed sweep many soak
