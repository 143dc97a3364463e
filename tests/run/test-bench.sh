#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-bench: does anything take more instructions than tests/bench/expected
# says? "make bench EXPECT=1" makes that file.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"
. "$run/count.sh"
. "$run/bench-micro.sh"

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm
mkdir -p "$out"
: >"$out/bench.results"
build launcher guests bench-programs
get_host 6.1
build_modules "$kver"
bench_micro
{ versions; expectable "$out/bench-micro.csv"; } >"$out/bench.now"
{
	echo '# begin bench'
	status=0
	awk -f "$bench/compare.awk" "$bench/expected" "$out/bench.now" || status=1
	echo "# end bench $status"
	echo '# done'
} >"$out/bench.results"
report bench
