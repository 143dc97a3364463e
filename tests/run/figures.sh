#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make figures: what the last "make test" counted, into Documentation/testing.rst

. "$(dirname "$0")/lib.sh"

cd "$out"
[ -s counts ] || die "there are no results: make test first"

# passed PATTERN: how many tests passed, in programs whose name it matches
passed() { awk -v p="$1" '$0 ~ "^[0-9]+ " p "$" { n += $1 } END { print n + 0 }' counts; }
programs() { grep -cE "^[0-9]+ $1\$" counts || :; }
# remark FILE PATTERN: the number in the last comment that matches
remark() { sed -n "s/^ *# *$2\$/\\1/p" "$1" | tail -n 1; }

machine=6.1
host_programs="qemu-$machine (requests|lifecycle|processes|faults|backing|hostile|memory|power.*|fairness|conventions|console|many-guests|write-through|disks|sandbox|named)(32)?"
guests=$(remark qemu-6.12.results '.* guests, .* \([0-9]*\) in a minute.*')
launchers=$(remark qemu-6.12.results '.* Launchers, .* \([0-9]*\) in a minute.*')

cat >figures <<END

.. csv-table::

   "KUnit checks", "$(passed kunit)"
   "of the lines of the generic half, executed by them", "$(remark kunit.results '\([0-9.]*%\) of .* lines')"
   "checks by guests, each about one subject", "$(passed "qemu-$machine guest-.*") in $(programs "qemu-$machine guest-.*") guests"
   "ways to die, each with its reason", "$(passed "qemu-$machine shutdown.*")"
   "checks of /dev/lguest from outside", "$(passed "$host_programs")"
   "fuzzed guests, and Launchers, a minute", "$guests, and $launchers"
   "machines", "$(find . -maxdepth 1 -name 'qemu-*.results' | wc -l)"
   "tests that passed, on all of them", "$(passed '.*')"

END
begin='^\.\. figures$' end='^\.\. end of figures$'
sed -i -e "/$begin/r figures" -e "/$begin/,/$end/{/$begin/b;/$end/b;d}" \
	"$top/Documentation/testing.rst"
