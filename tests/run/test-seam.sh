#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-seam: raises NMIs and machine checks at each instruction of the world
# switch, by QEMU's gdbstub. See tests/seam/.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"
. "$run/count.sh"

# boot NAME: boots a machine in the background, as $pid, with its gdbstub at
# $out/NAME.gdb. It ends after ten hours, should nobody be left to end it.
boot() {
	say "Booting $1"
	: >"$out/$1.serial"
	rm -f "$out/$1.gdb"
	# A path to a socket has to be short.
	(cd "$out" && exec timeout -k 5 36000 qemu-system-x86_64 -accel tcg \
		-icount shift=0,sleep=off -seed 1 \
		-rtc base=2024-01-01T00:00:00,clock=vm \
		-cpu "$count_cpu" -smp 1 -m 256 \
		-nodefaults -display none -no-reboot \
		-kernel "$host/vmlinuz" -initrd "$root.cpio" -append "\
console=ttyS0 loglevel=4 panic=-1 oops=panic panic_on_warn=1 nokaslr nowatchdog \
tsc=reliable tsc_early_khz=1000000 lpj=4000000 randomize_kstack_offset=off" \
		-serial "file:$1.log" -serial "file:$1.serial" \
		-gdb "unix:$1.gdb,server=on,wait=off" </dev/null >&2) &
	pid=$!
	while ! grep -q '^# guest' "$out/$1.serial"; do
		kill -0 $pid 2>/dev/null || return 0
		! is_silent 900 "$out/$1.log" "$out/$1.serial" || return 0
		sleep 0.2
	done
	{ tr -d '\r' <"$out/$1.serial"; nm "$guests/$1.elf"; } |
		sed 's/ [a-zA-Z] / /' >"$out/$1.symbols"
}

# strike NAME [WHERE]: strikes at that guest. A machine that dies costs one test; a
# few that die are enough.
strike() {
	new_initramfs "$run/job-seam" "$guests/$1.elf"
	add "$out/$kver/tests/host/nmi_storm.ko" tests/nmi_storm.ko
	pack
	echo "# begin $1"
	: >"$out/$1.ktap"
	for _ in 1 2 3 4; do
		boot "$1"
		next=$(($(grep -cE '^(not )?ok' "$out/$1.ktap" || :) + 1))
		status=0
		(cd "$out" && "$top/tests/seam/build/seam" "$1.gdb" \
			"$1.symbols" "$next" "${2-}") >>"$out/$1.ktap" || status=$?
		kill $pid 2>/dev/null || :
		wait $pid || :
		[ $status = 2 ] || break
	done
	cat "$out/$1.ktap"
	echo "# end $1 $status"
}

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm
mkdir -p "$out"
: >"$out/seam.results"
build launcher guests seam-programs
get_host 6.1
build_modules "$kver"
{
	strike seam
	strike seam-pae 'page fault'
	echo '# done'
} >"$out/seam.results"
report seam
