# The audit log: exported and verified; the mock cluster of its black-box tests.
ORG_OF_LOG := import json, sys; print(json.load(open(sys.argv[1]))["audit_log"]["url"].rsplit("/", 1)[1])
VKEY_OF_LOG := import json, sys; print(json.load(open(sys.argv[1]))["audit_log"]["vkey"])

# The demo's log as plain files. LOG= names another folder.
audit-export: $B/bin/audit-export
	@test -n "$(DIR)" || { echo 'name an empty folder: make audit-export DIR=…' >&2; exit 64; }
	@$< "$(or $(LOG),$(RUN)/audit/log/$$(/usr/bin/python3 -c '$(ORG_OF_LOG)' $(RUN)/endpoints.json))" "$(DIR)"

# Offline. VKEY= names another key than the running suite's.
audit-verify: $B/bin/audit-verify
	@test -n "$(DIR)" || { echo 'name an exported log: make audit-verify DIR=…' >&2; exit 64; }
	@$< "$(DIR)" --vkey "$(or $(VKEY),$$(/usr/bin/python3 -c '$(VKEY_OF_LOG)' $(RUN)/endpoints.json))"

$B/tests/mock/kafka: $B/tests/mock/kafka.o $B/libcommon.a
	@$(CC) $(CFLAGS) $^ $(LDLIBS) -o $@

tests: $B/tests/mock/kafka

.PHONY: audit-export audit-verify
