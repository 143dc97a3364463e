#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-pcid [SEEDS=numbers] [TESTS=patterns] [SMP=number] [PLANT=names]: tests on
# Debian's 6.1, in a Bochs whose TLB keeps what the architecture allows it to: see
# tlb/kept_tlb.h. One of them, kunit, is the suites in tests/x86/ and wants a kernel of
# our own, which takes some minutes to build. With PLANT, the module has a bug instead,
# which the tests must find: each name is a patch in planted/.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"
. "$run/bochs.sh"
. "$run/tlb.sh"

# wanted NAME
wanted() (
	set -f
	for pattern in ${TESTS:-*}; do
		# shellcheck disable=SC2254 # a pattern, as such
		case $1 in $pattern) exit 0 ;; esac
	done
	exit 1
)

# boot NAME SEED [PARAMETER...]: what is in the initramfs by now
boot() {
	name=$1 seed=$2
	shift 2
	pack
	bochs_disk "$name" "$@"
	LG_TLB_SEED=$seed bochs_vm "$name" "${SMP:-1}" nogui "$bochs" </dev/null
	kept "$out/$name.build.log" >>"$out/$name.results"
}

# suites NAME SEED: boots the kernel that has KUnit. slub_debug lets allocations of XArray
# nodes fail.
suites() (
	get_host kept
	build_modules "$kver"
	build_suites "$kver"
	new_initramfs "$run/job-pcid" "$guests/boot.elf"
	add "$out/$kver/lg.ko"
	add "$out/$kver-kunit/lg.ko" tests/kunit/lg.ko
	add "$run/kunit-suites" tests/kunit-suites
	echo 'pcids kunit' >"$root/wanted"
	boot "$1" "$2" kunit.enable=1 slub_debug=A,radix_tree_node
)

# machine NAME SEED: boots with the module of the directory that $module
# names
machine() {
	new_initramfs "$run/job-pcid" "$guests"/*.elf
	add "$out/$module/lg.ko"
	add "$out/$kver/tests/host/nmi_storm.ko" tests/nmi_storm.ko
	for p in requests backing fuzz; do
		add "$top/tests/host/build/$p" "tests/$p"
	done
	add "$run/at-once" tests/at-once
	add "$top/tests/guests/fuzz.corpus" tests/fuzz.corpus
	echo "${SECONDS_OF_FUZZ:-5} $(($2 * 1009))" >"$root/fuzz"
	echo "${TESTS:-*}" >"$root/wanted"
	boot "$1" "$2"
}

# result GOOD N TEXT
result() {
	if [ "$1" -gt 0 ]; then echo "ok $2 $3"; else echo "not ok $2 $3"; fi
}

# kept LOG: what that TLB has to say of itself. On one CPU a guest's tables change only
# while it is out. On several, what it used meanwhile is no fault.
kept() {
	counts=$(sed -n 's/^kept: \([0-9]*\) used, \([0-9]*\) outdated.*/\1 \2/p' "$1" |
		tail -n 1)
	counts=${counts:-0 0}
	echo '# begin kept-tlb'
	echo 'KTAP version 1'
	echo 1..2
	echo "# ${counts% *} translations used, ${counts#* } of them outdated"
	sed -n 's/^kept: \([0-9]* loads keep.*\)/# \1/p' "$1" | tail -n 1
	result $((${counts#* } > 0)) 1 'the tables have changed, and it has not'
	if [ "${SMP:-1}" = 1 ]; then
		result $(($(grep -c '^kept: guest address' "$1") == 0)) 2 \
			'nothing wrong was kept for a guest'
	else
		echo 'ok 2 nothing wrong was kept for a guest # SKIP several CPUs'
	fi
	echo '# end kept-tlb 0'
}

# plant NAME: builds the module with that bug
plant() {
	module=$kver-planted
	copy_sources "$module" ''
	patch -s -d "$out/$module" -p1 <"$run/planted/$1.patch" ||
		die "planted/$1.patch is of another time"
	compile "$kver" "$module"
}

# caught NAME: what its patch says in the first line has failed, and not because there are
# no PCIDs; or the host's kernel has died as it says
caught() {
	(cd "$out" && awk -f "$run/ktap.awk" "pcid-$1.results") >"$out/pcid-$1.ktap" || :
	_sign=$(sed -n '1s/^Expect: //p' "$run/planted/$1.patch")
	grep -q '^ok 1 guests have PCIDs' "$out/pcid-$1.results" && [ -n "$_sign" ] &&
		{ grep "not ok" "$out/pcid-$1.ktap" | grep -qF "$_sign" ||
		  grep -qF "$_sign" "$out/pcid-$1.log"; }
}

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm $pkgs_bochs
mkdir -p "$out"
get_tlb
build launcher guests host-tests
get_host 6.1
build_modules "$kver"

if [ -z "${PLANT-}" ]; then
	module=$kver
	set --
	for seed in ${SEEDS:-1}; do
		machine "pcid-$seed" "$seed"
		set -- "$@" "pcid-$seed"
		! wanted kunit || {
			suites "pcid-$seed-kunit" "$seed"
			set -- "$@" "pcid-$seed-kunit"
		}
	done
	report "$@"
	exit
fi

TESTS=${TESTS:-pcids guest-paging at-once}
SEEDS=${SEEDS:-1}
# shellcheck disable=SC2086 # a list of words
set -- $PLANT
{
	echo '# begin planted'
	echo 'KTAP version 1'
	echo "1..$#"
	n=0
	for bug; do
		n=$((n + 1))
		plant "$bug"
		machine "pcid-$bug" "${SEEDS%% *}"
		if caught "$bug"; then
			grep '^# failed: ' "$out/pcid-$bug.ktap"
			echo "ok $n $bug"
		else
			echo "not ok $n $bug"
		fi
	done
	echo '# end planted 0'
	echo '# done'
} >"$out/planted.results"
report planted
