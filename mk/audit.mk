# The audit log: exported and verified; the mock cluster of its black-box tests.
ORG_OF_LOG := import json, sys; print(json.load(open(sys.argv[1]))["audit_log"]["url"].split("/v1/audit/")[1].split("/")[0])
VKEY_OF_LOG := import json, sys; print(json.load(open(sys.argv[1]))["audit_log"]["vkey"])

SUITE_KNOWN = @test -r $(RUN)/endpoints.json || { echo '✗ $(RUN)/endpoints.json is not there' >&2; \
  echo '    Fix: make up, or name the log itself: $(1)' >&2; exit 69; }

# The demo's log as plain files: the shard that is written now; SHARD=2026h1 another, SHARD=all each in
# a folder of its own. LOG= names another log's folder.
audit-export: $B/bin/audit-export
	@test -n "$(DIR)" || { echo 'name an empty folder: make audit-export DIR=…' >&2; exit 64; }
	$(if $(LOG),,$(call SUITE_KNOWN,LOG=…))
	@$< "$(or $(LOG),$(RUN)/audit/log/$$(/usr/bin/python3 -c '$(ORG_OF_LOG)' $(RUN)/endpoints.json))" "$(DIR)" $(SHARD)

# Offline; DIR= may be several shards that follow each other, the oldest first. VKEY= names another key
# than the running suite's; CHECKPOINT= a checkpoint kept earlier, WITNESS= the key of who signs them too.
audit-verify: $B/bin/audit-verify
	@test -n "$(DIR)" || { echo 'name an exported log: make audit-verify DIR=…' >&2; exit 64; }
	$(if $(VKEY),,$(call SUITE_KNOWN,VKEY=…))
	@$< $(if $(word 2,$(DIR)),$(DIR),"$(DIR)") $(if $(CHECKPOINT),--checkpoint "$(CHECKPOINT)") $(if $(WITNESS),--witness "$(WITNESS)") \
	  --key "$(or $(VKEY),$$(/usr/bin/python3 -c '$(VKEY_OF_LOG)' $(RUN)/endpoints.json))"

# For other people's machines: one file, static, of the sources that a verifier reads in an evening;
# below them what of the common layers they call. The linker warns of libcrypto's dlopen and getaddrinfo,
# which we do not call: what it says is shown only if it fails (told to be silent, it does not fail).
VERIFIER := $(wildcard clients/audit-verify/*.c) $(patsubst %,services/audit/%.c,merkle note tiles checkpoint shard)
VERIFIER_BELOW := $(patsubst %,common/base/%.c,arena str secret log clock uuid) $(patsubst %,common/crypto/%.c,hash sign inside)
VERIFIER_LINES_MAX := 1000
audit-verify-static: $B/audit-verify-static
$B/audit-verify-static: $(VERIFIER) $(VERIFIER_BELOW) $(VERIFIER_BELOW:.c=.h) $(wildcard clients/audit-verify/*.h) | $(GENERATED)
	@lines=$$(cat $(VERIFIER) | wc -l); [ $$lines -lt $(VERIFIER_LINES_MAX) ] || { echo "audit-verify: $$lines lines" >&2; exit 1; }
	@mkdir -p $(@D) && $(CC) -std=gnu17 $(CPPFLAGS) $(WARN) -O2 -static -o $@ $(VERIFIER) $(VERIFIER_BELOW) -lcrypto -pthread \
	  2>$@.said || { cat $@.said >&2; exit 1; }
	@echo "$@: $$(cat $(VERIFIER) | wc -l) lines of source over $$(cat $(VERIFIER_BELOW) | wc -l) of common/, static"

$B/tests/mock/kafka: $B/tests/mock/kafka.o $B/libcommon.a
	@$(CC) $(CFLAGS) $^ $(LDLIBS) -o $@

# One append, for strace to break at every syscall, and failing.c at every operation of the store.
STORE_OPERATIONS := fsync mkdir open64 rename rmdir syncfs unlink unlinkat write
$B/tests/faults/append: $B/tests/faults/append.o $B/tests/faults/failing.o $B/libaudit.a $B/libcommon.a
	@$(CC) $(CFLAGS) $(STORE_OPERATIONS:%=-Wl,--wrap=%) $^ $(LDLIBS) -o $@

tests: $B/tests/mock/kafka $B/tests/faults/append

# An export as FHIR, before HAPI's validator. Part of test-all: its first run fetches 145 MB.
fhir-validate: packages
	@$(MAKE) --no-print-directory -j2 all $B/tests/mock/kafka
	@$(PYTEST) -x tests/integration/audit/fhir_validator.py

# A C2SP witness of other people's before our checkpoints. Part of test-all: its first run fetches packages.
witness: packages
	@$(MAKE) --no-print-directory -j2 all
	@$(PYTEST) -x tests/integration/audit/witnessed.py

.PHONY: witness fhir-validate audit-export audit-verify audit-verify-static
