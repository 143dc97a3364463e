#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-bochs: a smoke test on Debian's 6.1 in Bochs. Unlike TCG, that has
# PCIDs, global TLB entries and segment limits as on hardware; and it is slow.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm bochs bochs-term bochsbios vgabios grub-pc-bin \
	grub-common xorriso mtools
mkdir -p "$out"
: >"$out/bochs.results"
build launcher guests host-tests
get_host 6.1
build_modules "$kver"

# A small archive: the machine need not load what is not there.
new_initramfs "$run/job-bochs" "$guests/hypercalls.elf" "$guests/traps.elf"
add "$top/tests/host/build/requests" tests/requests
pack
iso=$out/bochs.iso-root
rm -rf "$iso"
mkdir -p "$iso/boot/grub"
cp "$host/vmlinuz" "$iso"
gzip -1 <"$root.cpio" >"$iso/initrd"
cat >"$iso/boot/grub/grub.cfg" <<EOF
	linux /vmlinuz console=ttyS0 quiet panic=-1 oops=panic
	initrd /initrd
	boot
EOF
grub-mkrescue -o "$out/bochs.iso" "$iso" >"$out/bochs.build.log" 2>&1
rm -rf "$iso"

cat >"$out/bochs.rc" <<EOF
	config_interface: textconfig
	display_library: rfb, options="timeout=0"
	romimage: file=/usr/share/bochs/BIOS-bochs-latest
	vgaromimage: file=/usr/share/vgabios/vgabios.stdvga.bin
	megs: 512
	cpu: model=corei7_skylake_x, count=1, ips=100000000, reset_on_triple_fault=0
	clock: sync=none
	ata0-master: type=cdrom, path="$out/bochs.iso", status=inserted
	boot: cdrom
	com1: enabled=1, mode=file, dev="$out/bochs.log"
	com2: enabled=1, mode=file, dev="$out/bochs.results"
	log: "$out/bochs.own.log"
	panic: action=report
	error: action=report
	info: action=ignore
	debug: action=ignore
EOF
# Bochs starts in its debugger, which wants a "continue". It does not end by itself
# when its machine does.
: >"$out/bochs.log"
say "Booting bochs"
echo c >"$out/bochs.commands"
bochs -q -f "$out/bochs.rc" <"$out/bochs.commands" \
	>>"$out/bochs.build.log" 2>&1 &
pid=$!
while sleep 1; do
	grep -qx '# done' "$out/bochs.results" && break
	kill -0 $pid 2>/dev/null || break
	grep -q 'Kernel panic' "$out/bochs.log" && break
	is_silent 1800 "$out/bochs.log" "$out/bochs.results" && break
done
kill $pid 2>/dev/null || :
wait $pid 2>/dev/null || :
finished bochs
report bochs
