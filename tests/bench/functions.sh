#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# functions.sh SYMBOLS WINDOW... : in what windows.awk has chosen, the instructions
# of each function, for each time that something was done. SYMBOLS are lines of
# an address, in 16 digits, and a name; WINDOWs on standard input.

set -eu
export LC_ALL=C
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/windows"
# Every address that was executed, and behind which symbol it comes
awk 'NF == 2 { while (length($1) < 16) $1 = "0" $1; print $1 }' "$dir/windows" |
	sort -u >"$dir/addresses"
sort -s -k 1,1 "$1" "$dir/addresses" | awk '
	NF > 1 { name = $2; start = $1; next }
	# What is above 4 GiB and below the kernel is the programs of the host
	/^0000[0-7]/ && !/^00000000/ { print $1, "(Launcher)", "-"; next }
	{ print $1, name, start }' >"$dir/map"
awk -v top="${2:-40}" '
FILENAME ~ /map$/ { name[$1] = $2; start[$1] = $3; next }
function flush(f, i, n, best) {
	if (what == "")
		return
	printf "\n%s: %.1f instructions each\n", what, total / times
	for (n = 0; n < top; n++) {
		best = ""
		for (f in sum)
			if (best == "" || sum[f] > sum[best] ||
			    (sum[f] == sum[best] && f < best))
				best = f
		if (best == "")
			break
		printf "%10.2f  x %-8.2f %s\n", sum[best] / times,
			calls[best] / times, best
		delete sum[best]
	}
	split("", sum)
	split("", calls)
}
$1 == "window" {
	flush()
	what = $2
	times = $3
	split($4, word, "=")
	total = word[2]
	next
}
{
	while (length($1) < 16)
		$1 = "0" $1
	sum[name[$1]] += $2
	if (start[$1] == $1)
		calls[name[$1]] += $2
}
END { flush() }' "$dir/map" "$dir/windows"
