# SPDX-License-Identifier: GPL-2.0
# Sourced after count.sh: what each of the host's services costs. The demo guest and
# tests/bench/host.c use them, and the plugin counts.
# shellcheck shell=sh disable=SC2034,SC2154 # variables of and for others

# bench_initramfs: for job-bench; the caller has to add commands
bench_initramfs() {
	new_initramfs "$run/job-bench" "$guests/demo.elf"
}

bench_micro() {
	bench_initramfs
	add "$bench/build/host" tests/bench-host
	echo '1 64 count' >"$root/commands"
	[ -z "${FUNCTIONS-}" ] || : >"$root/all-symbols"
	pack
	count_vm bench-micro 900
}

# What the figures depend on, besides the project
versions() {
	cat <<-EOF
	# kernel: $kpkg
	# module's compiler: $(readelf -p .comment "$out/$kver/lg.ko" |
		sed -n 's/.*\(GCC: .*\)/\1/p' | sort -u)
	# guest's compiler: $(gcc --version | head -n 1)
	# $(qemu-system-x86_64 --version | head -n 1)
	EOF
}

# expectable CSV: prints what a change of the project should not make more of: name,
# instructions, world switches, CR3 and MSR writes. For an idle guest there are no
# instructions: what else a host does in that second is not the project's.
expectable() {
	awk -F , '
	NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i }
	NR > 1 { print $1, $1 == "idle" ? "-" : $column["instructions"],
		$column["exits"], $column["cr3"], $column["wrmsr"] }' "$1"
}
