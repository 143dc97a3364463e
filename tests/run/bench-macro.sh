# SPDX-License-Identifier: GPL-2.0
# Sourced after count.sh: measures what the programs of a real guest wait for.
# KERNEL is the user's: it runs as the guest's, and bare in the same machine. MEM is
# the guest's memory in MB, by default 128. OPS selects the operations whose names
# start with one of these words.
# shellcheck shell=sh disable=SC2034,SC2154 # variables of and for others

macro_initramfs() {
	root=$out/macro-init
	rm -rf "$root" "$root.cpio"
	mkdir -p "$root/dev" "$root/tmp"
	add "$bench/macro/build/macro" init
	strip "$root/init"
	(cd "$root" && find . -exec touch -h -d @0 {} + &&
		find . | LC_ALL=C sort |
		cpio -o -H newc -R 0:0 --reproducible --quiet) >"$root.cpio"
}

# Runs the same kernel and program with nothing below but the machine. Only a
# bzImage can be booted so.
native_vm() {
	say "Booting bench-native"
	timeout -k 5 1500 qemu-system-x86_64 -accel tcg \
		-icount shift=0,sleep=off -seed 1 \
		-rtc base=2024-01-01T00:00:00,clock=vm \
		-cpu "$count_cpu" -smp 1 -m 1024 \
		-nodefaults -display none -no-reboot \
		-kernel "$KERNEL" -initrd "$out/macro-init.cpio" -append "\
console=ttyS0 quiet panic=-1 reboot=k restart ${OPS-}" \
		-serial "file:$out/bench-native.log" </dev/null >&2 || :
	grep -q '^# end of macro' "$out/bench-native.log" ||
		say "The kernel did not run bare, so there is nothing to compare with"
}

# lines FILE: the results that the benchmark printed, for awk
lines() {
	tr -d '\r' <"$1" | grep -a '^[-a-z0-9]*	[0-9.]*'
}

bench_macro() {
	macro_initramfs
	native_vm
	new_initramfs "$run/job-macro"
	add "$KERNEL" kernel
	add "$out/macro-init.cpio" initrd
	add "$bench/macro/build/macro" bin/macro
	add_modules
	echo "${MEM:-128} ${OPS-}" >"$root/arguments"
	(cd "$root" && strip -g lg.ko && find . -exec touch -h -d @0 {} + &&
		find . | LC_ALL=C sort |
		cpio -o -H newc -R 0:0 --reproducible --quiet) >"$root.cpio"
	memory=$((512 + ${MEM:-128}))
	count_vm bench-macro 3000
	memory=
	lines "$out/bench-native.log" >"$out/native.macro" || :
	lines "$out/bench-macro.results" >"$out/guest.macro" || {
		tail -n 20 "$out/bench-macro.results" >&2
		die "the guest has measured nothing"
	}
	grep -a '^# none' "$out/bench-macro.results" >&2 || :
	macro_table csv >"$out/macro.csv"
}

macro_table() {
	awk -v format="$1" -f "$bench/rows.awk" -f "$bench/macro.awk" \
		"$bench/macro-operations" "$out/native.macro" "$out/guest.macro" \
		"$out/bench-macro.csv"
}

# The kernel's version, from the bzImage's header
kernel_version() {
	_at=$(od -A n -t u2 -j $((0x20e)) -N 2 "$KERNEL")
	dd if="$KERNEL" bs=1 skip=$((_at + 0x200)) count=64 2>/dev/null |
		tr '\0' '\n' | sed -n '1s/ .*//p'
}
