#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-qemu [MACHINES=patterns] [TESTS=patterns] [CPU=model] [SMP=number]:
# runs programs that test the module, on stock kernels of Debian's in QEMU. The file
# "machines" says which machines there are, and what runs where. TESTS overrides the
# latter, by patterns or by the words of that file.
# SECONDS_OF_FUZZ and SEED are the fuzzers', see fuzz.sh. By default, these start at
# another seed every day, far from those of the day before.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm
mkdir -p "$out"
chosen=$(stages)
[ -n "$chosen" ] || die "no machine $MACHINES, see tests/run/machines"
for name in $chosen; do : >"$out/$name.results"; done
build launcher guests host-tests launcher-tests

# tests_of WORDS: the patterns of what the table calls all or smoke (that is what
# differs between machines at all), or of names
tests_of() (
	set -f
	for _tests in $(echo "$1" | tr , ' '); do
		case $_tests in
		all)	echo '*' ;;
		smoke)	echo 'requests* processes* guest-* speculation' ;;
		smoke64) echo 'requests processes guest-* speculation' ;;
		*)	echo "$_tests" ;;
		esac
	done
)

# boot NAME CPUS MODEL TESTS [KERNEL-PARAMETER...]
boot() {
	flavour=
	for p; do
		case $p in flavour=*) flavour=${p#*=} ;; esac
	done
	get_host "${1%-*}" "$flavour"
	build_modules "$kver" || return 0
	new_initramfs "$run/job-qemu" "$guests"/*.elf
	add_tests
	add "$out/$kver/tests/host/nmi_storm.ko" tests/nmi_storm.ko
	add_modules
	add "$out/$kver/tests/host/steady_keys.ko"
	if grep -qs '^CONFIG_KUNIT=y' "$host/.config"; then
		build_suites "$kver" || return 0
		add "$out/$kver-kunit/lg.ko" tests/kunit/lg.ko
		add "$run/kunit-suites" tests/kunit-suites
	fi
	add "$run/many-guests" tests/many-guests
	add "$run/write-through" tests/write-through
	add "$run/disks" tests/disks
	add "$run/named" tests/named
	add "$top/tests/launcher/build/sandbox" tests/landlock
	# shellcheck disable=SC2016 # these quotes are the page's
	{ echo; sed -n 's/^   \* - ``\([a-z0-9_]*\)``$/\1/p' \
		"$top/Documentation/threat-model.rst"; } >"$root/tests/vulnerabilities"
	echo "${SECONDS_OF_FUZZ:=120} ${SEED:-$(($(date +%Y%j) * 1009))}" \
		>"$root/fuzz"
	tests_of "${TESTS:-$4}" >"$root/wanted"
	pack
	name=$1 CPU=${CPU:-$3} SMP=${SMP:-$2}
	shift 4
	append="$* brd.rd_nr=1 brd.rd_size=65536" patience=1 memory=
	for p; do
		case $p in
		patience=*) patience=${p#*=} ;;
		memory=*) memory=${p#*=} ;;
		esac
	done
	# More than any of the tests may take
	vm "qemu-$name" $((2400 * patience))
}

# In a subshell, and not with the table as its input
boot_alone() {
	(boot "$@") </dev/null
}

machines boot_alone
# shellcheck disable=SC2086 # a list of words
report $chosen
