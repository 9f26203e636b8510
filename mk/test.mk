# What is run where: `make test` is what every change passes; `make test-all` adds what takes long.
# Every tier says that it ran; what cannot run fails, nothing is skipped in silence.
PORTS_TEST ?= 28000
export TELECURA_BIN = $(abspath $B/bin)

# Everything that is started natively; release build, found from the services' folders. What would
# keep it from starting is said before minutes go into packages and programs.
SUITE = $(UP) --run $(RUN) $(if $(PORTS),--ports $(PORTS)) $(if $(JIT),--jit $(JIT))
up:
	@$(SUITE) preflight
	@$(SUITE) packages
	@$(MAKE) --no-print-directory -j2 MODE=release all openapi
	@$(SUITE) --bin build/release/bin up
down reset doctor keys reconcile:
	@$(UP) --run $(RUN) $@
# Of one part: PART=gateway.
logs restart hold release:
	@$(UP) --run $(RUN) $@ $(PART)
openapi: all ; @/usr/bin/python3 tools/openapi.py $B/bin $B

test: packages tidy
	@$(MAKE) --no-print-directory -j2 all tests openapi
	@$(MAKE) --no-print-directory -j4 integration unit pytest
	@$(MAKE) --no-print-directory e2e
	@echo 'make test: style, unit, integration, end to end: all ran'
packages: ; @$(UP) packages test
tests: $(UNIT) $(INTEGRATION)
# One run a folder: its services and its people are its own, and so are the names of its files. They
# wait more than they work, hence four at a time; the longest begin first.
FIRST  := $(addprefix tests/,integration/audit/ hostile/ integration/messaging/ integration/notifications/ integration/)
# The longest of them as two, by the names of its files: else all wait for it at the end.
HALVED := tests/integration/audit
HALVES := $(HALVED)/a-f.pytest $(HALVED)/g-z.pytest
SUITES := $(sort $(dir $(wildcard tests/unit/test_*.py tests/unit/*/test_*.py tests/integration/test_*.py tests/integration/*/test_*.py tests/hostile/test_*.py)))
pytest: $(patsubst %/,%.pytest,$(FIRST) $(filter-out $(FIRST),$(SUITES)))
$(filter-out $(HALVED).pytest,$(SUITES:%/=%.pytest)): %.pytest: ; @echo '$*:' && $(PYTEST) $(wildcard $*/test_*.py)
$(HALVED).pytest: $(HALVES)
$(HALVES): $(HALVED)/%.pytest: ; @echo '$(HALVED)/test_[$*]*:' && $(PYTEST) $(wildcard $(HALVED)/test_[$*]*.py)
# The suite on ports and in a folder of its own; one that runs is left alone.
e2e: ; @TELECURA_TEST_PORTS=$(PORTS_TEST) $(PYTEST) tests/e2e

.PHONY: up down reset doctor keys reconcile logs restart hold release openapi test packages tests pytest $(SUITES:%/=%.pytest) $(HALVES) e2e
