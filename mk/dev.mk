# What developers and CI run. Cheap gates first.
# What Python compiles is kept, whatever the caller's environment says of it: each folder is a run of its own.
PYTEST := PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(abspath build/python) /usr/bin/python3 -m pytest -q -p no:cacheprovider
UP     := /usr/bin/python3 deploy/local/up.py
RUN    ?= .run

help:
	@echo 'make up        build, start every real part, run the main job, leave it running'
	@echo '               (RUN=/tmp/other PORTS=28000: a second suite; then RUN= with each word below)'
	@echo '               (JIT=full: for a suite that serves long)'
	@echo 'make down      stop it           make reset    stop it and delete its state'
	@echo 'make doctor    what is wrong     make logs     what it says (PART= one part)'
	@echo 'make restart PART=…  hold PART=…  release PART=…  ends a part; leaves it down; no longer'
	@echo 'make keys      fetches again what checks sign-ins, after a rotation'
	@echo 'make reconcile does all that was done stand in the log?'
	@echo 'make test      style, unit, integration and end-to-end tests, beside a running suite'
	@echo 'make test-all  and browsers, TSan, fuzz, faults, hostile, hostile-drivers, fhir-validate, witness, soak'
	@echo 'make seed DIR=…  audit-export DIR=…  audit-verify DIR=…  bench BENCH=…'

tidy: ; @/usr/bin/python3 tools/tidy.py && /usr/bin/python3 tools/controls.py

fuzz: $(FUZZ:%=$B/fuzz/%)
	@for f in $(FUZZ); do echo "$$f"; mkdir -p $B/fuzz/found/$$f; \
	  $B/fuzz/$$f -max_total_time=$(or $(SECONDS_EACH),30) -print_final_stats=0 -verbosity=0 \
	    -artifact_prefix=$B/fuzz/found/$$f/ $B/fuzz/found/$$f tests/fuzz/corpus/$${f#fuzz_} || exit 1; done
$B/fuzz/%: tests/fuzz/%.c $(wildcard tests/fuzz/*.h common/*/*.[ch] services/audit/*.[ch] clients/audit-verify/*.[ch]) | $(GENERATED)
	@mkdir -p $(@D) && clang -std=gnu17 $(CPPFLAGS) -Itests/fuzz -g -O1 -fsanitize=fuzzer,address,undefined \
	  $< $(FUZZ_SOURCES_$*) $(LDLIBS) -o $@
FUZZ_SOURCES_fuzz_h1    = common/io/h1.c $(wildcard common/base/*.c)
FUZZ_SOURCES_fuzz_ws    = common/io/ws_in.c $(wildcard common/base/*.c)
FUZZ_SOURCES_fuzz_json  = $(wildcard common/codec/*.c common/base/*.c)
FUZZ_SOURCES_fuzz_pb    = $(wildcard common/codec/*.c common/base/*.c)
FUZZ_SOURCES_fuzz_jws   = $(wildcard common/crypto/*.c common/codec/*.c common/base/*.c)
FUZZ_SOURCES_fuzz_paseto = $(wildcard common/crypto/*.c common/codec/*.c common/base/*.c)
FUZZ_AUDIT := $(wildcard common/crypto/*.c common/codec/*.c common/base/*.c) \
              $(patsubst %,services/audit/%.c,merkle merkle_tiles note note_sign checkpoint tiles shard)
FUZZ_SOURCES_fuzz_note  = $(FUZZ_AUDIT)
FUZZ_SOURCES_fuzz_proof = $(FUZZ_AUDIT) $(patsubst %,clients/audit-verify/%.c,proof signers)
FUZZ_SOURCES_fuzz_tiles = $(FUZZ_AUDIT) services/audit/shapes.c

# Data races: the parts that threads share, and whole services under many hands. Not where librdkafka
# runs: its threads are C11's, of which gcc 12's ThreadSanitizer knows nothing and dies.
TSAN_UNITS := io/test_http io/test_ws io/test_keys io/test_metrics base/test_uuid base/test_log crypto/test_aead
TSAN_TESTS := appointments/test_booking.py appointments/test_room.py messaging/test_chat.py signaling/test_calls.py
tsan: packages
	@$(MAKE) --no-print-directory MODE=tsan -j2 $(TSAN_UNITS:%=build/tsan/tests/unit/%.run) all
	@for test in $(TSAN_TESTS); do TELECURA_BIN=$(abspath build/tsan/bin) \
	  TSAN_OPTIONS=suppressions=$(abspath tests/tsan.supp) $(PYTEST) tests/integration/$$test || exit 1; done

test-all: test fuzz faults tsan browsers hostile hostile-drivers fhir-validate witness soak

.PHONY: help tidy fuzz tsan test-all
