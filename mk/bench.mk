# Ratios to anchors of the same run on the same machine; docs/reference/figures.md says what they mean.
BENCHES := $(sort $(patsubst tests/bench/%.py,%,$(filter-out %/rig.py %_work.py,$(wildcard tests/bench/*.py))))

LOADS := httpload decide seal_load audit_load audit_tree

# The last line is the result; everything else goes to standard error. PART= one part of a bench that
# has parts: audit's are throughput, latency, verify, tree, read.
bench:
	@$(if $(filter $(BENCH),$(BENCHES)),\
	  $(MAKE) --no-print-directory -s -j2 MODE=release all $(LOADS:%=$(B_RELEASE)/tests/bench/%) >&2 && \
	  TELECURA_BIN=$(abspath $(B_RELEASE)/bin) /usr/bin/python3 tests/bench/$(BENCH).py --run $(RUN) $(if $(PART),--part $(PART)),\
	  { echo 'make bench BENCH=…  one of: $(BENCHES)' >&2; exit 64; })
B_RELEASE := $(if $(filter command line,$(origin B)),$B,build/release)

$B/tests/bench/audit_tree: $B/clients/audit-verify/proof.o $B/clients/audit-verify/signers.o $B/libaudit.a
$B/tests/bench/audit_load: $B/libaudit.a
$(LOADS:%=$B/tests/bench/%): $B/tests/bench/%: $B/tests/bench/%.o $B/libcommon.a
	@$(CC) $(CFLAGS) $(filter %.o,$^) $(filter-out %/libcommon.a,$(filter %.a,$^)) $(filter %/libcommon.a,$^) $(LDLIBS) -o $@

.PHONY: bench
