# The 25 families of attack, on services that are built with sanitizers; the last line counts them.
# `make test` runs their tables once through; here every row meets every service.
hostile: hostile-built
	@/usr/bin/python3 tests/hostile/run.py $B
# Others' tools on the same: testssl.sh at the gateway, Schemathesis with our OpenAPI document.
hostile-drivers: hostile-built
	@/usr/bin/python3 tests/hostile/run.py $B tools
hostile-built: packages
	@$(MAKE) --no-print-directory -j2 all tests openapi $B/tests/hostile/echo
$B/tests/hostile/echo: $B/tests/hostile/echo.o $B/libcommon.a
	@mkdir -p $(@D) && $(CC) $(CFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -o $@

.PHONY: hostile hostile-drivers hostile-built
