#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make bench [EXPECT=1] [FUNCTIONS=1]: counts the instructions that everything
# takes. Prints a table, and puts them as CSV into build/, and into
# Documentation/bench.rst and bench.svg. With EXPECT, test-bench expects them from
# now on. With FUNCTIONS, each function's part goes to build/bench.functions.
# make bench KERNEL=bzImage [MEM=MB] [OPS="fork exec"]: measures instead what the
# programs of a real guest wait for. It is printed as a table, and goes to
# build/macro.csv; without OPS into Documentation/bench.rst, too.
# make bench MITIGATIONS=1: measures instead what is done about speculation,
# on CPUs that are known for more than the usual one.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"
. "$run/count.sh"
. "$run/bench-micro.sh"
. "$run/bench-growth.sh"
. "$run/bench-macro.sh"
. "$run/bench-mitigations.sh"

page=$top/Documentation/bench.rst

# table FORMAT SCRIPT FILE...
table() {
	awk -v format="$1" -f "$bench/rows.awk" -f "$bench/$2.awk" "$bench/$3" "$4"
}

# tables FORMAT: all of them
tables() {
	table "$1" table operations "$micro"
	table "$1" targets targets "$micro"
	table "$1" growth operations "$growth"
}

# between BEGIN END: replaces what the page has between these two lines by standard
# input
between() {
	awk -v begin="$1" -v end="$2" '
		FILENAME == "-" { text = text $0 "\n"; next }
		$0 == end { inside = 0 }
		!inside
		$0 == begin { inside = 1; printf "%s", text }' - "$page" >"$out/between"
	cat "$out/between" >"$page"
}

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm
mkdir -p "$out"
build launcher guests bench-programs
if [ -n "${MITIGATIONS-}" ]; then
	get_host 7.3
	build_modules "$kver"
	bench_mitigations
	mitigations_table text
	{ echo; mitigations_table rst; } |
		between '.. mitigations' '.. end of mitigations'
	exit
fi
get_host 6.1
build_modules "$kver"
if [ -n "${KERNEL-}" ]; then
	bench_macro
	macro_table text
	[ -z "${OPS-}" ] || exit 0
	{
		printf '\nLinux %s, %s MB:\n\n' "$(kernel_version)" "${MEM:-128}"
		macro_table rst
	} | between '.. macro' '.. end of macro'
	exit
fi
bench_micro
bench_growth

micro=$out/bench-micro.csv growth=$out/bench-growth.csv
sed -n 's/^\([a-z][^ ]*\) |.*/\1/p' "$bench/operations" | while read -r o; do
	grep -q "^$o," "$micro" || die "$o was not measured"
done
{ cat "$micro"; sed 1d "$growth"; } >"$out/bench.csv"
tables text
{ echo; tables rst; } | between '.. figures' '.. end of figures'
awk -f "$bench/rows.awk" -f "$bench/chart.awk" "$bench/operations" \
	"$bench/targets" "$micro" "$growth" >"$top/Documentation/bench.svg"
if [ -n "${EXPECT-}" ]; then
	{ versions; expectable "$micro"; } >"$bench/expected"
fi
if [ -n "${FUNCTIONS-}" ]; then
	"$bench/functions.sh" "$out/bench-micro.symbols" \
		<"$out/bench-micro.windows" >"$out/bench.functions"
fi
