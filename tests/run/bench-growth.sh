# SPDX-License-Identifier: GPL-2.0
# Sourced after bench-micro.sh: measures some of the same services while there are
# more guests, or the guest has more memory, or more address spaces. Nothing should
# cost more then.
# shellcheck shell=sh disable=SC2034,SC2154 # variables of and for others

growing='hypercall fault fill setpte table'

growth_commands() {
	for _n in 1 8 64; do
		echo "$_n 16 count @/guests=$_n $growing"
	done
	for _n in 16 128 512 2048; do
		echo "1 $_n count @/MiB=$_n $growing"
	done
	for _n in 10 100 1000; do
		echo "1 64 spaces $_n;count @/spaces=$_n $growing"
	done
}

bench_growth() {
	bench_initramfs
	growth_commands >"$root/commands"
	pack
	memory=3072
	count_vm bench-growth 1800
	memory=
}
