# SPDX-License-Identifier: GPL-2.0
# What wants a machine of its own. The scripts say what they install.

run figures bench test test-style test-kunit test-build test-qemu test-run \
test-bochs test-bench test-seam:
	+@tests/run/$@.sh

# SECONDS means something else to some shells.
fuzz:
	+@SEED=$(SEED) SECONDS_OF_FUZZ=$(SECONDS) tests/run/fuzz.sh

host-tests:
	$(MAKE) -C tests/host

bench-programs:
	$(MAKE) -C tests/bench

seam-programs:
	$(MAKE) -C tests/seam

tests-clean:
	rm -rf tests/run/build tests/host/build tests/bench/build \
		tests/bench/macro/build tests/seam/build

clean: tests-clean

.PHONY: run figures bench test test-style test-kunit test-build test-qemu \
	test-run test-bochs test-bench test-seam fuzz host-tests bench-programs \
	seam-programs tests-clean
