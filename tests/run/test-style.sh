#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-style: what checkpatch and shellcheck have to say, whether the table in
# switcher.S has its labels in their order, and whether the manuals and the shell's completion
# have all that there is. Sparse and W=1 have their say whenever the module is built.

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
		tests/bench/*.sh tools/*.sh tools/guest-kernel/*.sh debian/*.postinst \
		debian/*.prerm
	shellcheck -s bash dist/lguest.bash-completion
}

manuals_lint() {
	mandoc -T lint -W warning dist/man/*
}

# difference WHERE NAMES WHERE NAMES: names that are in one of two lists alone
difference() {
	[ -n "$2" ] && [ -n "$4" ] || echo "nothing in $1, or in $3"
	printf '%s\n' "$2" "$4" | sort | uniq -u | while read -r _name; do
		echo "$1 or $3 lacks $_name"
	done
}

long_options() {
	grep -o -e '--[a-z][a-z-]*' | sort -u
}

# What there is, and what the manuals and the completion say that there is
manuals_complete() {
	_options=$(sed -n '/long_options\[\]/,/};/s/.*{ "\([a-z-]*\)",.*/--\1/p' launcher/options.c |
		sort -u)
	difference options.c "$_options" lguest.1 \
		"$(sed -n '/^\.Sh OPTIONS/,/^\.Sh/s/^\.It.*Fl Fl \([a-z-]*\).*/--\1/p' \
			dist/man/lguest.1 | sort -u)"
	difference options.c "$_options" completion \
		"$(sed -n "/options='/,/'$/p" dist/lguest.bash-completion | long_options)"
	difference options.c "$_options" --help \
		"$(sed -n '/usage\[\]/,/;$/p' launcher/options.c | long_options)"
	_commands=$(sed -n "s/.*commands='\(.*\)'/\1/p" dist/lguest.bash-completion | tr ' ' '\n' |
		sort)
	difference completion "$_commands" lguest.1 \
		"$(sed -n '/^\.Sh COMMANDS/,/^\.Sh/s/^\.It Cm //p' dist/man/lguest.1 |
			sed 's/ , /\n/' | sort)"
	difference completion "$_commands" --help \
		"$(sed -n '/usage\[\]/,/Run the/p' launcher/options.c | tr '|' ' ' |
			grep -o -w -e run -e exec -e check -e list -e status -e stop -e kill \
			-e pause -e resume -e attach -e balloon | sort -u)"
	difference parameters "$(c_files ./*.[ch] x86 guest shadow |
		xargs sed -n 's/^module_param\(_named\)\?(\([a-z]*\),.*/\2/p' | sort)" lg.4 \
		"$(sed -n 's/^\.It Cm //p' dist/man/lg.4 | sort)"
	difference requests "$(grep -o 'LHREQ_[A-Z]*,' include/uapi/linux/lguest_launcher.h |
		tr -d , | sort -u)" lguest.4 \
		"$(grep '^\.It Dv' dist/man/lguest.4 | grep -o 'LHREQ_[A-Z]*' | sort)"
}

# completes WORDS EXPECTED: the last of the words, in a shell with the completion
completes() {
	_got=$(bash -c '. /usr/share/bash-completion/bash_completion
		. dist/lguest.bash-completion
		COMP_WORDS=(${1//=/ = }) COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$1 COMP_POINT=${#1}
		compopt() { :; }
		_lguest 2>/dev/null
		printf "%s\n" "${COMPREPLY[@]}"' bash "$1" | sort | tr '\n' ' ')
	[ "$_got" = "$2 " ] || echo "lguest's completion of \"$1\" is $_got"
}

completion() {
	completes 'lguest --co' '--console='
	completes 'lguest --no' '--no-hugepages --no-reboot'
	completes 'lguest resu' 'resume'
	completes 'lguest --bus=p' 'pci'
	completes 'lguest run --sandbox=o' 'off on'
	completes 'lguest run CO' 'CONTRIBUTING.md COPYING'
}

switcher_table() {
	awk -f tests/run/switcher-table.awk x86/switcher.S
}

# try COMMAND: a test that passes if that has nothing to say
try() {
	n=$((n + 1))
	if "$1" >"$out/style.log" 2>&1 && [ ! -s "$out/style.log" ]; then
		echo "ok $n $1"
	else
		sed 's/^/# /' "$out/style.log"
		echo "not ok $n $1"
	fi
}

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_uml perl shellcheck mandoc bash-completion
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
	echo '1..9'
	try checkpatch_module
	try checkpatch_suites
	try checkpatch_compat
	try checkpatch_programs
	try shellcheck_scripts
	try switcher_table
	try manuals_lint
	try manuals_complete
	try completion
	echo '# end style 0'
	echo '# done'
} >"$out/style.results"
report style
