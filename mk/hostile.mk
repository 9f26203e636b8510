# The 25 families of attack and others' tools, on services that are built with sanitizers; the last
# line counts them. `make test` runs their tables once through; here every row meets every service.
hostile: packages
	@$(MAKE) --no-print-directory -j2 all tests openapi $B/tests/hostile/echo
	@/usr/bin/python3 tests/hostile/run.py $B
$B/tests/hostile/echo: $B/tests/hostile/echo.o $B/libcommon.a
	@mkdir -p $(@D) && $(CC) $(CFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -o $@

.PHONY: hostile
