#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-style: what checkpatch and shellcheck have to say, and whether the table
# in switcher.S has its labels in their order. Sparse and W=1 have their say whenever the
# module is built.

. "$(dirname "$0")/lib.sh"
. "$run/uml.sh"

# Programs have C's own types and no macros of the kernel's, and have to share
# variables with signal handlers and guests. The others are wrong guesses.
not_in_programs=CAMELCASE,EMBEDDED_FUNCTION_NAME,MACRO_ARG_REUSE
not_in_programs=$not_in_programs,PREFER_DEFINED_ATTRIBUTE_MACRO
not_in_programs=$not_in_programs,PREFER_KERNEL_TYPES,STATIC_CONST_CHAR_ARRAY
not_in_programs=$not_in_programs,VOLATILE
# Of what is tested, a macro may tell as often as it likes.
not_in_suites=MACRO_ARG_REUSE
# What a module outside of the kernel is for
not_in_compat=CONSTANT_COMPARISON,LINUX_VERSION_CODE

# c_files PATH...: but not what is made by a build
c_files() {
	find "$@" -name build -prune -o -name '*.[chS]' ! -name '*.mod.c' \
		! -name offsets.h -print
}

# checkpatch IGNORED FILE...
checkpatch() {
	_ignored=$1
	shift
	perl "$uml/scripts/checkpatch.pl" --no-tree --strict --terse --quiet \
		--show-types --no-summary --typedefsfile="$out/typedefs" \
		--ignore="NONE,$_ignored" -f "$@"
}

checkpatch_module() {
	# shellcheck disable=SC2046 # a list of words
	checkpatch '' $(c_files ./*.[ch] guest shadow include x86 tests/host/nmi_storm.c \
		tests/host/steady_keys.c | grep -v compat.h)
}

checkpatch_suites() {
	# shellcheck disable=SC2046 # a list of words
	checkpatch "$not_in_suites" $(c_files tests/kunit tests/x86)
}

checkpatch_compat() {
	checkpatch "$not_in_compat" compat.h
}

# tests/run/tlb is a part of Bochs, and so C++.
checkpatch_programs() {
	# shellcheck disable=SC2046 # a list of words
	checkpatch "$not_in_programs" $(c_files launcher tests/bench \
		tests/guests tests/host tests/launcher tests/run/tsc-khz.c tests/seam)
}

shellcheck_scripts() {
	shellcheck -x -P tests/run .ci/run tests/run/*.sh tests/run/init \
		tests/run/job-* tests/run/at-once tests/run/steps tests/run/suite \
		tests/run/many-guests tests/run/shutdown-cases tests/run/disks tests/run/named \
		tests/bench/*.sh tools/guest-kernel/*.sh
}

switcher_table() {
	awk -f tests/run/switcher-table.awk x86/switcher.S
}

# try COMMAND: a test that passes if that has nothing to say
try() {
	n=$((n + 1))
	if "$1" >"$out/style.log" 2>&1; then
		echo "ok $n $1"
	else
		sed 's/^/# /' "$out/style.log"
		echo "not ok $n $1"
	fi
}

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_uml perl shellcheck
mkdir -p "$out"
: >"$out/style.results"
get_uml 2>"$out/kunit.build.log"
say "Checking the style"
printf '%s\n' trap_hook_fn qemu_plugin_tb_cb qemu_plugin_vcpu_cb >"$out/typedefs"
cd "$top"
n=0
{
	echo '# begin style'
	echo 'KTAP version 1'
	echo '1..6'
	try checkpatch_module
	try checkpatch_suites
	try checkpatch_compat
	try checkpatch_programs
	try shellcheck_scripts
	try switcher_table
	echo '# end style 0'
	echo '# done'
} >"$out/style.results"
report style
