#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-pcid [SEEDS=numbers] [TESTS=patterns] [SMP=number]: tests on
# Debian's 6.1, in a Bochs whose TLB keeps what the architecture allows it to: see
# tlb/kept_tlb.h.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"
. "$run/bochs.sh"
. "$run/tlb.sh"

# machine NAME SEED: boots with the module of the directory that $module
# names
machine() {
	name=$1 seed=$2
	new_initramfs "$run/job-pcid" "$guests"/*.elf
	add "$out/$module/lg.ko"
	add "$out/$kver/tests/host/nmi_storm.ko" tests/nmi_storm.ko
	for p in requests backing fuzz; do
		add "$top/tests/host/build/$p" "tests/$p"
	done
	add "$run/at-once" tests/at-once
	add "$top/tests/guests/fuzz.corpus" tests/fuzz.corpus
	echo "${SECONDS_OF_FUZZ:-5} $((seed * 1009))" >"$root/fuzz"
	echo "${TESTS:-*}" >"$root/wanted"
	pack
	bochs_disk "$name"
	LG_TLB_SEED=$seed bochs_vm "$name" "${SMP:-1}" nogui "$bochs" </dev/null
	kept "$out/$name.build.log" >>"$out/$name.results"
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
	result $((${counts#* } > 0)) 1 'the tables have changed, and it has not'
	if [ "${SMP:-1}" = 1 ]; then
		result $(($(grep -c '^kept: guest address' "$1") == 0)) 2 \
			'nothing wrong was kept for a guest'
	else
		echo 'ok 2 nothing wrong was kept for a guest # SKIP several CPUs'
	fi
	echo '# end kept-tlb 0'
}

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm $pkgs_bochs
mkdir -p "$out"
get_tlb
build launcher guests host-tests
get_host 6.1
build_modules "$kver"

module=$kver
set --
for seed in ${SEEDS:-1}; do
	machine "pcid-$seed" "$seed"
	set -- "$@" "pcid-$seed"
done
report "$@"
