# SPDX-License-Identifier: GPL-2.0
# Goals that want a machine of their own. The scripts say what they install.

run figures bench check test test-style test-launcher test-kunit test-build \
test-qemu test-run test-bochs test-bench test-seam test-pcid test-power test-deb:
	+@tests/run/$@.sh

# The heads of the scripts say more.
define test_goals
make run         a guest on this terminal, in QEMU: KERNEL= INITRD= CMDLINE= BLOCK= NET=
                 RNG=1 MEM= BALLOON= LAUNCHER= HOST=6.12 CPU= SMP= ACCEL=kvm
                 TIMEOUT=
make check       what a change is checked by before it is sent, in minutes: KVER= KDIR=
make test        everything, for an hour or so: all the goals test-* that follow but
                 test-here, and some of test-pcid
make test-style  checkpatch and shellcheck
make test-launcher  what the Launcher says of kernels that can't be guests, and its parts:
                 CASES=300000 SEED=
make test-build  lg.ko for each of Debian's kernels: HOST="6.1 6.12 7.3"
make test-kunit  KUnit in User Mode Linux
make test-qemu   what tests/run/machines lists: MACHINES="6.1*" TESTS="smoke memory"
                 CPU= SMP= SEED=; asked for by name, MACHINES=debug and kcsan
make test-run    make run: HOST=
make test-power  the host's power fails under guests that write to disks: CUTS=200 HOST=
make test-deb    the packages, on a Debian 12 that is booted, upgraded and rid of them
make test-bench  does anything take more instructions than it did
make test-seam   NMIs and machine checks at each instruction of the world switch
make test-bochs  a few guests in Bochs
make test-here   on this machine's own kernel, as root, without an emulator: SECONDS=600
                 SEED= PARAMS="pcid=0" TESTS= KDIR=
make test-pcid   guests on a TLB that keeps what it may: SEEDS="1 2" TESTS="guest-*" SMP=
                 PLANT="zap rights", bugs that it has to find
make fuzz        hostile guests and Launchers: SEED= SECONDS=3600 MACHINES= CPU=
make bench       what everything takes: EXPECT=1 FUNCTIONS=1, or MITIGATIONS=1,
                 or KERNEL= MEM= OPS=
make figures     what the last make test counted, into Documentation/testing.rst
endef

help::
	$(info $(test_goals))
	@:

# SECONDS means something else to some shells.
fuzz test-here:
	+@SEED=$(SEED) SECONDS_OF_FUZZ=$(SECONDS) tests/run/$@.sh

host-tests:
	$(MAKE) -C tests/host

bench-programs:
	$(MAKE) -C tests/bench

seam-programs:
	$(MAKE) -C tests/seam

launcher-tests:
	$(MAKE) -C tests/launcher

tests-clean:
	rm -rf tests/run/build tests/host/build tests/bench/build \
		tests/bench/macro/build tests/seam/build tests/launcher/build

clean: tests-clean

.PHONY: run figures bench check test test-style test-launcher test-kunit \
	test-build test-qemu test-run test-bochs test-bench test-seam test-here \
	test-pcid test-power test-deb fuzz host-tests bench-programs seam-programs launcher-tests tests-clean
