# SPDX-License-Identifier: GPL-2.0
# What wants a machine of its own. The scripts say what they install.

run test test-kunit test-qemu test-bochs:
	+@tests/run/$@.sh

host-tests:
	$(MAKE) -C tests/host KDIR=$(KDIR)

tests-clean:
	rm -rf tests/run/build tests/host/build

clean: tests-clean

.PHONY: run test test-kunit test-qemu test-bochs host-tests tests-clean
