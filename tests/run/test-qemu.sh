#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-qemu [HOST=kernels] [TESTS=patterns] [CPU=model] [SMP=number]: all
# programs that test the module, or those whose name matches, on stock kernels
# of Debian's in QEMU

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm
mkdir -p "$out"
chosen=$(stages)
[ -n "$chosen" ] || die "no host $HOST, only $hosts"
for name in $chosen; do : >"$out/$name.results"; done
build launcher guests host-tests

for name in $chosen; do
	machine=${name#qemu-}
	get_host "${machine%-*}"
	build_modules "$kver" || continue
	new_initramfs "$run/job-qemu" "$guests"/*.elf
	for p in "$top"/tests/host/build/*; do
		[ ! -f "$p" ] || add "$p" "tests/${p##*/}"
	done
	add "$out/$kver/tests/host/nmi_storm.ko" tests/nmi_storm.ko
	add "$out/$kver/tests/host/scheduler_hook.ko"
	add "$run/shutdown-cases" tests/shutdown-cases
	add "$top/tests/guests/shutdown.cases" tests/shutdown.cases
	echo "${TESTS:-*}" >"$root/wanted"
	pack
	# "max" has five levels of page tables, and all else that TCG knows.
	(
		[ "${machine#*-}" = "$machine" ] || CPU=${machine#*-}
		vm "$name" 1200
	)
done
# shellcheck disable=SC2086 # a list of words
report $chosen
