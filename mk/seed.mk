# Patients and clinicians from FHIR R4 bundles into the running suite; again: nothing changes.
seed:
	@test -n "$(DIR)" || { echo 'name a folder of FHIR bundles: make seed DIR=…' >&2; exit 64; }
	@/usr/bin/python3 deploy/local/seed.py --run $(RUN) "$(DIR)"

.PHONY: seed
