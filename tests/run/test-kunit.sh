#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-kunit: runs the generic half and its KUnit suites in a User Mode Linux
# kernel, made of the source of Debian's 6.1. It needs no virtual machine.

. "$(dirname "$0")/lib.sh"
. "$run/uml.sh"

# Nothing else in the tree may differ from one use to the next.
copy_project() {
	cd "$top"
	find ./*.[ch] guest shadow include tests/kunit -name '*.[ch]' \
		! -name '*.mod.c' | copy_changed "$1"
	cmp -s VERSION "$1/VERSION" || cp VERSION "$1/VERSION"
	cmp -s Kbuild "$1/Kbuild.module" || cp Kbuild "$1/Kbuild.module"
	cmp -s tests/kunit/Kbuild "$1/Kbuild" || cp tests/kunit/Kbuild "$1/Kbuild"
	# Remove what is no longer there.
	cd "$1"
	find . -name '*.[ch]' | while read -r f; do
		[ -e "$top/$f" ] || rm "$f"
	done
}

# The tree in the cache serves one build at a time. One that did not come to its end
# may have left half an object file behind.
build_linux() (
	exec 9>"$1/lock"
	flock 9
	if [ -e "$1/unfinished" ]; then
		find "$1/drivers" -name '*.[oa]' -path '*/lguest/*' -delete
		rm -f "$1/linux" "$1/vmlinux" "$1/vmlinux.o"
	fi
	: >"$1/unfinished"
	copy_project "$1/drivers/lguest"
	uml_make "$1" linux
	cp "$1/linux" "$out/linux"
	rm -rf "$out/coverage"
	mkdir -p "$out/coverage/objects"
	(cd "$1/drivers/lguest" && find . -name '*.gcno' ! -path './tests/*' \
		-exec cp --parents -t "$out/coverage/objects" {} +)
	rm "$1/unfinished"
)

run_once() {
	status=0
	TMPDIR=${TMPDIR:-/tmp} GCOV_PREFIX=$out/coverage/data \
		timeout 3600 "$out/linux" mem=256M kunit.enable=1 \
		kunit_shutdown=halt </dev/null >"$out/kunit.log" 2>&1 || status=$?
}

# A signal that comes while UML writes the coverage down, after it has halted, may end
# it by SIGABRT or SIGSEGV (see main() in arch/um/os-Linux/main.c). On a busy machine that
# is one run in thirty.
halted_and_aborted() {
	case $status in
	134 | 139) grep -q 'reboot: System halted' "$out/kunit.log" ;;
	*)	false ;;
	esac
}

# Its log is a KTAP document, among other things.
run_linux() {
	run_once
	for _again in 1 2 3; do
		! halted_and_aborted || run_once
	done
	sed -i 's/\r$//; s/^\[ *[0-9.]*\] //' "$out/kunit.log"
	if grep 'WARNING:\|BUG:\|Kernel panic' "$out/kunit.log" \
	     >"$out/kunit.complaints"; then
		status="$status dirty"
	fi
	echo '# begin kunit'
	sed -n 's/^TAP version 14$/KTAP version 1/
		/^ *\(KTAP\|1\.\.\|ok \|not ok \|#\)/p' "$out/kunit.log"
	sed 's/^/# kernel log: /' "$out/kunit.complaints"
	echo "# end kunit $status"
}

# Tells how much of each file of the module was executed. Leaves the files' lines,
# with a count each, in build/coverage/*.c.gcov, where # in a name stands for /.
coverage() (
	cd "$out/coverage"
	(cd "data$uml/drivers/lguest" && find . -name '*.gcda' ! -path './tests/*' \
		-exec cp --parents -t "$out/coverage/objects" {} +)
	mkdir drivers
	ln -s "$top" drivers/lguest
	echo '# begin coverage'
	echo 'KTAP version 1'
	echo "1..$(find objects -name '*.gcda' | wc -l)"
	find objects -name '*.gcda' -exec gcov -rp {} + 2>/dev/null |
		awk -v least=90 '
		/^File / {
			file = $2
			gsub(/'"'"'|drivers\/lguest\//, "", file)
		}
		/^Lines executed:/ && file ~ /\.c$/ {
			split($2, percent, /[:%]/)
			print (percent[2] < least ? "not ok " : "ok ") ++n, \
				file ": " percent[2] "% of " $4 " lines"
			covered += percent[2] * $4 / 100
			lines += $4
			file = ""
		}
		END {
			if (lines)
				printf "# %.1f%% of %d lines\n", \
					100 * covered / lines, lines
		}'
	echo '# end coverage 0'
)

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_uml
mkdir -p "$out"
: >"$out/kunit.results"
say "Building a UML kernel with the KUnit suites"
trap 'tail -n 40 "$out/kunit.build.log" >&2' EXIT
get_uml 2>"$out/kunit.build.log"
build_linux "$uml" >>"$out/kunit.build.log" 2>&1
trap - EXIT
say "Running the suites"
{ run_linux; coverage; echo '# done'; } >"$out/kunit.results"
report kunit
