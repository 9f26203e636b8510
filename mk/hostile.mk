# The 25 families of attack and others' tools, on services that are built with sanitizers; the last
# line counts them. `make test` runs their tables once through; here every row meets every service.
hostile: packages
	@$(MAKE) --no-print-directory -j2 all tests openapi
	@/usr/bin/python3 tests/hostile/run.py $B

.PHONY: hostile
