#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-build [HOST=kernels]: does the module compile, without a warning, for
# every flavour of every host kernel; and do its files call each other as "arrows"
# has it? HOST=here is the kernel at hand: the one that KVER or KDIR names, or that
# runs here, if its headers are installed; or else the one that most of the tests
# run on.

. "$(dirname "$0")/lib.sh"
. "$run/host.sh"

# arrows DIR: checks the module built there. Its object files say what calls what.
arrows() {
	_failed=0
	(cd "$out/$1" && tr ' ' '\n' <lg.mod | sed -n 's:^.*/mnt/::; s:^'"$out/$1/"'::
		/\.o$/p' | xargs nm -A) |
		awk -f "$run/arrows.awk" "$run/arrows" - >"$out/arrows.log" ||
		_failed=1
	sed 's/^/# /' "$out/arrows.log"
	return $_failed
}

# builds HOST COMMAND [DIR]: runs the command for each kernel on standard input. The
# last one's module is in DIR, by default the kernel's own name.
builds() {
	cat >"$out/build.kernels"
	echo "# begin build-$1"
	echo 'KTAP version 1'
	echo "1..$(($(wc -l <"$out/build.kernels") + 1))"
	n=0
	while read -r k; do
		n=$((n + 1))
		_dir=${3:-$k}
		if "$2" "$k"; then
			echo "ok $n $k"
		else
			echo "not ok $n $k"
		fi
	done <"$out/build.kernels"
	arrows "$_dir" && _not='' || _not='not '
	echo "${_not}ok $((n + 1)) arrows"
	echo "# end build-$1 0"
}

# Builds with the headers and the compiler that are installed: in a host's directory
# without a root of its own, build_in builds without a chroot.
build_installed() {
	say "Building modules for $1, with the headers in $host"
	build_in "$1" here 'obj-m += tests/host/' tests/host
}

build_here() {
	host=${KDIR:-/lib/modules/${KVER:-$(uname -r)}/build}
	if [ -e "$host/include/generated/utsrelease.h" ]; then
		sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
			"$host/include/generated/utsrelease.h" >"$out/build.here"
		builds here build_installed here <"$out/build.here"
	elif [ -n "${KDIR-}${KVER-}" ]; then
		die "no headers in $host"
	else
		get_host "${hosts%% *}"
		echo "$kver" >"$out/build.here"
		builds here build_modules <"$out/build.here"
	fi
}

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_build $pkgs_host
mkdir -p "$out"
: >"$out/build.results"
for h in ${HOST:-$hosts}; do
	if [ "$h" = here ]; then
		build_here
	else
		get_host "$h"
		builds "$h" build_modules <"$today/kvers"
	fi
done >"$out/build.results"
echo '# done' >>"$out/build.results"
report build
