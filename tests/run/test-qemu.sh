#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-qemu [TESTS=patterns]: all programs that test the module, or those
# whose name matches, on the stock kernel in QEMU

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm
mkdir -p "$out"
: >"$out/qemu.results"
: >"$out/qemu-max.results"
get_stock
build all launcher guests host-tests

new_initramfs "$run/job-qemu" "$guests"/*.elf
for p in "$top"/tests/host/build/*; do
	[ ! -f "$p" ] || add "$p" "tests/${p##*/}"
done
mv "$root/tests/scheduler_hook.ko" "$root"
add "$run/shutdown-cases" tests/shutdown-cases
add "$top/tests/guests/shutdown.cases" tests/shutdown.cases
echo "${TESTS:-*}" >"$root/wanted"
pack
vm qemu 1200
# The same with five levels of page tables, and all else that TCG knows
CPU=max
vm qemu-max 1200
report qemu qemu-max
