# What developers and CI run. Cheap gates first.
PYTEST := /usr/bin/python3 -m pytest -q -p no:cacheprovider
UP     := /usr/bin/python3 deploy/local/up.py
RUN    ?= .run

help:
	@echo 'make up        build, start every real part, run the main job, leave it running'
	@echo 'make down      stop it           make reset    stop it and delete its state'
	@echo 'make doctor    what is wrong     make logs     what it says'
	@echo 'make test      style, unit, integration and end-to-end tests, beside a running suite'
	@echo 'make test-all  and browsers, TSan, fuzz, faults'
	@echo 'make seed DIR=…  audit-export DIR=…  audit-verify DIR=…  bench BENCH=…'

tidy: ; @/usr/bin/python3 tools/tidy.py

fuzz: $(FUZZ:%=$B/fuzz/%)
	@for f in $(FUZZ); do echo "$$f"; mkdir -p $B/fuzz/found/$$f; \
	  $B/fuzz/$$f -max_total_time=$(or $(SECONDS_EACH),30) -print_final_stats=0 -verbosity=0 \
	    -artifact_prefix=$B/fuzz/found/$$f/ $B/fuzz/found/$$f tests/fuzz/corpus/$${f#fuzz_} || exit 1; done
$B/fuzz/%: tests/fuzz/%.c $(wildcard common/*/*.c common/*/*.h) | $(GENERATED)
	@mkdir -p $(@D) && clang -std=gnu17 $(CPPFLAGS) -Itests/fuzz -g -O1 -fsanitize=fuzzer,address,undefined \
	  $< $(FUZZ_SOURCES_$*) $(LDLIBS) -o $@
FUZZ_SOURCES_fuzz_h1   := common/io/h1.c
FUZZ_SOURCES_fuzz_ws    = common/io/ws_in.c $(wildcard common/base/*.c)
FUZZ_SOURCES_fuzz_json  = $(wildcard common/codec/*.c common/base/*.c)
FUZZ_SOURCES_fuzz_pb    = $(wildcard common/codec/*.c common/base/*.c)
FUZZ_SOURCES_fuzz_jws   = $(wildcard common/crypto/*.c common/codec/*.c common/base/*.c)
FUZZ_SOURCES_fuzz_paseto = $(wildcard common/crypto/*.c common/codec/*.c common/base/*.c)

# Data races: the parts that threads share, under ThreadSanitizer.
tsan: ; @$(MAKE) --no-print-directory MODE=tsan -j2 $(patsubst %,build/tsan/tests/unit/%.run,io/test_http io/test_ws io/test_keys io/test_metrics base/test_uuid base/test_log crypto/test_aead)

test-all: test fuzz faults tsan browsers

.PHONY: help tidy fuzz tsan test-all
