# Ratios to anchors of the same run on the same machine; docs/reference/figures.md says what they mean.
BENCHES := $(sort $(patsubst tests/bench/%.py,%,$(filter-out %/rig.py %_work.py,$(wildcard tests/bench/*.py))))

# The last line is the result; everything else goes to standard error.
bench:
	@$(if $(filter $(BENCH),$(BENCHES)),\
	  $(MAKE) --no-print-directory -s -j2 MODE=release all $(B_RELEASE)/tests/bench/httpload $(B_RELEASE)/tests/bench/decide $(B_RELEASE)/tests/bench/seal_load >&2 && \
	  TELECURA_BIN=$(abspath $(B_RELEASE)/bin) /usr/bin/python3 tests/bench/$(BENCH).py --run $(RUN),\
	  echo 'make bench BENCH=…  one of: $(BENCHES)')
B_RELEASE := $(if $(filter command line,$(origin B)),$B,build/release)

$B/tests/bench/httpload $B/tests/bench/decide $B/tests/bench/seal_load: %: %.o $B/libcommon.a
	@$(CC) $(CFLAGS) $^ $(LDLIBS) -o $@

.PHONY: bench
