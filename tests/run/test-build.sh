#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-build [HOST=kernels]: does the module compile, without a warning,
# for every flavour of every host kernel; and do its files call each other as
# "arrows" has it

. "$(dirname "$0")/lib.sh"
. "$run/host.sh"

# arrows KVER: of the module built for that. What calls what its object files say.
arrows() {
	(cd "$out/$1" && find . -name '*.o' ! -path './tests/*' ! -name lg.o \
		! -name lg.mod.o ! -name .module-common.o -exec nm -A {} +) |
		awk -f "$run/arrows.awk" "$run/arrows" - >"$out/arrows.log" &&
		_ok=y || _ok=
	sed 's/^/# /' "$out/arrows.log"
	[ -n "$_ok" ]
}

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
	echo "# begin arrows-$h"
	echo 'KTAP version 1'
	echo 1..1
	arrows "$kver" && echo 'ok 1 arrows' || echo 'not ok 1 arrows'
	echo "# end arrows-$h 0"
done >"$out/build.results"
echo '# done' >>"$out/build.results"
report build
