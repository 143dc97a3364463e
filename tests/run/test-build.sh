#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-build [HOST=kernels]: does the module compile, without a warning,
# for every flavour of every host kernel

. "$(dirname "$0")/lib.sh"
. "$run/host.sh"

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_build $pkgs_host
mkdir -p "$out"
: >"$out/build.results"
for h in ${HOST:-$hosts}; do
	get_host "$h"
	echo "# begin build-$h"
	echo 'KTAP version 1'
	echo "1..$(wc -l <"$today/kvers")"
	n=0
	while read -r k; do
		n=$((n + 1))
		if build_modules "$k"; then
			echo "ok $n $k"
		else
			echo "not ok $n $k"
		fi
	done <"$today/kvers"
	echo "# end build-$h 0"
done >"$out/build.results"
echo '# done' >>"$out/build.results"
report build
