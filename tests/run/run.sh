#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make run [KERNEL=bzImage [INITRD=file] [CMDLINE=words]] [BLOCK=image]
#	[MEM=MB] [HOST=6.12] [ACCEL=kvm]: a guest on this terminal, under lg.ko
# on a stock kernel of Debian's in QEMU. Without KERNEL it is the demo guest.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm
mkdir -p "$out"
build launcher guests
get_host "${HOST:-6.1}"
build_modules "$kver"

new_initramfs "$run/job-run" "$guests/demo.elf"
set --
if [ -n "${KERNEL-}" ]; then add "$KERNEL" kernel; fi
if [ -n "${INITRD-}" ]; then add "$INITRD" initrd; fi
if [ -n "${BLOCK-}" ]; then
	add_modules
	: >"$root/block"
	set -- -drive "if=virtio,format=raw,file=$BLOCK"
fi
printf %s "${CMDLINE-}" >"$root/cmdline"
printf %s "${MEM:-64}" >"$root/mem"
# The serial line does not know how large the terminal is.
stty size 2>/dev/null | grep -v '^0' >"$root/size" || echo 24 80 >"$root/size"
pack

say "Booting. The guest's poweroff leads back here; Ctrl-A x ends it at once."
append=loglevel=3
rm -f "$out/status"
qemu -m $((384 + ${MEM:-64})) -serial mon:stdio \
	-serial "file:$out/status" "$@"
! grep -q "^# stopped" "$out/status" || die "$(stopped "$out/status")"
grep -qx 'status 0' "$out/status" ||
	die "the Launcher did not end well: $(grep '^status' "$out/status")"
