# SPDX-License-Identifier: GPL-2.0
# Sourced after count.sh: what a way out of the guest and in again takes on CPUs that
# tests/bench/mitigations lists. They have little else in common, so that the first of
# them is what to compare with.
# shellcheck shell=sh disable=SC2034,SC2154 # variables of and for others

mitigation_cpu=max,vendor=GenuineIntel,family=6,model=85,stepping=4,-cx16,-erms,-fsrm
mitigation_cpu=$mitigation_cpu,-rdrand,-rdseed,tsc-frequency=1000000000
mitigation_cpu=$mitigation_cpu,x-force-features=on

# count_hypercall NAME CPU PARAMETERS: its line of the CSV, under this name
count_hypercall() {
	count_cpu=$mitigation_cpu${2:+,$2} append=$3
	count_vm bench-mitigations 900
	[ "$1" != none ] || head -n 1 "$out/bench-mitigations.csv"
	sed -n "s/^hypercall,/$1,/p" "$out/bench-mitigations.csv"
}

bench_mitigations() {
	bench_initramfs
	echo '1 16 count hypercall' >"$root/commands"
	pack
	grep -v '^#' "$bench/mitigations" | while IFS='|' read -r _name _cpu _words _; do
		count_hypercall "${_name% }" "$(echo "$_cpu" | tr -d ' ')" "$_words" </dev/null
	done >"$out/mitigations.csv"
}

mitigations_table() {
	awk -v format="$1" -f "$bench/rows.awk" -f "$bench/mitigations.awk" \
		"$bench/mitigations" "$out/mitigations.csv"
}
