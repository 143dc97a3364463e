# SPDX-License-Identifier: GPL-2.0
# Sourced after vm.sh: the machine in which instructions are counted.
# shellcheck shell=sh disable=SC2034,SC2154 # variables of and for others

bench=$top/tests/bench

# An instruction takes a nanosecond of the machine's time, and nothing else takes
# any. Whatever else could differ from one run to the next is fixed. String
# instructions are executed turn by turn then, and each turn counts. Without ERMS
# and FSRM, the kernel has them move eight bytes a turn and not one, which is
# closer to the time that they take on a processor.
count_cpu=Skylake-Server,check=off,-cx16,-erms,-fsrm,-rdrand,-rdseed
count_cpu=$count_cpu,tsc-frequency=1000000000

# count_vm NAME SECONDS [QEMU-ARGUMENT...]: like vm, but counts, into NAME.counts
count_vm() {
	_name=$1 _silence=$2
	shift 2
	say "Booting $_name"
	: >"$out/$_name.results"
	: >"$out/$_name.counts"
	qemu-system-x86_64 -accel tcg \
		-icount shift=0,sleep=off -seed 1 \
		-rtc base=2024-01-01T00:00:00,clock=vm \
		-cpu "$count_cpu" -smp 1 -m "${memory:-768}" \
		-nodefaults -display none -no-reboot \
		-kernel "$host/vmlinuz" -initrd "$root.cpio" -append "\
console=ttyS0 loglevel=4 panic=-1 oops=panic nokaslr nowatchdog tsc=reliable \
tsc_early_khz=1000000 lpj=4000000 randomize_kstack_offset=off ${append-mitigations=off}" \
		-plugin "$bench/build/count.so,out=$out/$_name.counts" \
		-serial "file:$out/$_name.log" \
		-serial "file:$out/$_name.results" "$@" </dev/null >&2 &
	attend "$_silence" "$out/$_name.log" "$out/$_name.results" \
		"$out/$_name.counts"
	finished "$_name"
	tr -d '\r' <"$out/$_name.results" |
		sed -n '/^# symbols/,/^# guests/{/^#/d;p;}' >"$out/$_name.symbols"
	# The symbols of the guest's kernel and its programs are below 4 GiB.
	nm "$guests/demo.elf" | sed -n 's/ [tT] / /p' |
		sed 's/^/00000000/' >>"$out/$_name.symbols"
	awk -f "$bench/windows.awk" "$out/$_name.counts" >"$out/$_name.windows"
	awk -f "$bench/csv.awk" "$out/$_name.symbols" "$out/$_name.windows" \
		>"$out/$_name.csv"
}
