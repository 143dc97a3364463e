#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-bochs: a smoke test on Debian's 6.1 in Bochs. Unlike TCG, that has
# PCIDs, global TLB entries and segment limits as on hardware; and it is slow.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"
. "$run/bochs.sh"

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm $pkgs_bochs bochs bochs-term
mkdir -p "$out"
: >"$out/bochs.results"
build launcher guests host-tests
get_host 6.1
build_modules "$kver"

# A small archive: the machine need not load what is not there.
new_initramfs "$run/job-bochs" "$guests/hypercalls.elf" "$guests/traps.elf"
add "$top/tests/host/build/requests" tests/requests
pack
bochs_disk bochs
# Debian's starts in its debugger, which wants a "continue".
echo c | bochs_vm bochs 1 'rfb, options="timeout=0"' bochs
report bochs
