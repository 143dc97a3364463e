#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# tools/guest-kernel/build.sh [-c CONFIG] [-f FRAGMENT]... [-o DIR] [-j JOBS] TREE
# builds a guest from the source of a Linux from 2.6.32 to 4.13, with a compiler of
# today. TREE is left as it is. DIR, by default guest-VERSION, gets
#	bzImage, vmlinux	the kernel
#	config			its configuration
#	modules/		modules, if the configuration has any
# and what the build leaves behind, in build/. The configuration is a small one, or
# CONFIG, a distribution's for that version, with what a guest needs; a FRAGMENT is
# lines of yours on top of that.

set -eu
unset MAKEFLAGS MAKELEVEL MFLAGS
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)

say() { echo "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }
usage() { sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2; exit "$1"; }

# is_file FILE
is_file() {
	if [ ! -f "$1" ] || [ ! -r "$1" ]; then die "$1 is no file that can be read"; fi
}

# absolute PATH: of something whose directory is there
absolute() {
	echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
}

# value NAME: what the tree's Makefile sets that to
value() {
	sed -n "s/^$1 *= *//p" "$tree/Makefile" | head -n 1
}

# in_tree WORDS FILE: is that there, and in the file?
in_tree() {
	grep -qs -e "$1" "$tree/$2"
}

# A tree of the right version that nobody has built in, since make's O= wants that
check_tree() {
	[ -f "$tree/Makefile" ] || die "$tree is no kernel tree: there is no Makefile"
	version=$(value VERSION).$(value PATCHLEVEL).$(value SUBLEVEL)
	echo "$version" | grep -qx '[0-9]\{1,\}\.[0-9]\{1,\}\.[0-9]\{1,\}' ||
		die "$tree is no kernel tree: its Makefile names no version"
	_number=$(($(value VERSION) * 1000 + $(value PATCHLEVEL)))
	if [ $_number = 2006 ]; then
		[ "$(value SUBLEVEL)" -ge 32 ] || _number=0
		version=$version$(value EXTRAVERSION)
	fi
	if [ $_number -lt 2006 ] || [ $_number -gt 4013 ]; then
		die "$tree is Linux $version; guests can be 2.6.32 to 4.13"
	fi
	[ -f "$tree/arch/x86/lguest/Kconfig" ] ||
		die "$tree is Linux $version, but has no arch/x86/lguest"
	if [ -e "$tree/.config" ] || [ -e "$tree/include/config" ]; then
		die "somebody has built in $tree: make mrproper there, or take a copy"
	fi
	bus=lguest-bus
	[ $_number -lt 4000 ] || bus=pci
}

# check_tools: what the build would miss after minutes
check_tools() {
	for _tool in make perl bc "${CC:=gcc}"; do
		command -v "$_tool" >/dev/null || die "there is no $_tool"
	done
	echo 'int i;' | "$CC" -m32 -x c -c -o /dev/null - 2>/dev/null ||
		die "$CC can't compile for 32 bits (-m32)"
}

# What changes the compiler's mind, or keeps it from having one:
# -std=gnu89		the language of these trees
# -fno-pie		what distributions switch on in their compilers, and
#   -fcf-protection=none -fno-stack-check -fno-stack-clash-protection	a kernel can't
#			have
# -malign-data=abi	the sections in which trees up to 3.x collect structures have no
#			gaps
# -fno-optimize-sibling-calls	start_kernel() and start_secondary() give the stack
#			protector a new value. They have to keep from checking it, which
#			they do by never returning; compilers from gcc 10 on check it
#			before a jump to their last function, too.
# -w			they don't warn of it
# Trees up to 4.1 have a header for each major version of gcc. Their newest is for 4 or
# 5, so the compiler says that it is 4.9.
flags() {
	cc="$CC -std=gnu89 -fno-pie -fcf-protection=none -fno-stack-check"
	cc="$cc -fno-stack-clash-protection -malign-data=abi"
	cc="$cc -fno-optimize-sibling-calls -w"
	! in_tree gcc_header include/linux/compiler-gcc.h ||
		cc="$cc -U__GNUC__ -D__GNUC__=4 -U__GNUC_MINOR__ -D__GNUC_MINOR__=9"
	hostcflags="-O2 -fomit-frame-pointer -std=gnu89 -fcommon -w"
	hostcflags="$hostcflags -D_LARGEFILE_SOURCE -D_FILE_OFFSET_BITS=64"
}

# repair WORDS FILE EXPRESSION: if the words are in the file, what sed makes of it is
# built instead. That is in a tree of links, whose directories on the way to the file are
# its own.
repair() {
	in_tree "$1" "$2" || return 0
	if [ "$source" = "$tree" ]; then
		source=$out/build/tree
		rm -rf "$source"
		mkdir "$source"
		ln -s "$tree"/* "$source"
	fi
	_dir=$(dirname "$2")
	_way=
	while [ "$_dir" != . ]; do
		_way="$_dir $_way"
		_dir=$(dirname "$_dir")
	done
	for _dir in $_way; do
		[ -L "$source/$_dir" ] || continue
		rm "$source/$_dir"
		mkdir "$source/$_dir"
		ln -s "$tree/$_dir"/* "$source/$_dir"
	done
	sed "$3" "$source/$2" >"$out/build/repaired"
	rm "$source/$2"
	cp "$out/build/repaired" "$source/$2"
	touch -r "$tree/$2" "$source/$2"
	say "Repaired in a copy: $2"
}

# What no option of the compiler helps against
repair_tree() {
	source=$tree
	# Up to 2.6.36: make has forgotten the pattern of rules that name a file, too.
	repair '^config %config:' Makefile 's/^config //'
	repair '^/ %/:' Makefile 's,^/ ,,'
	# Up to 3.8: perl has forgotten what it was to ask defined() of an array.
	repair 'defined(@val)' kernel/timeconst.pl 's/defined(@val)/@val/'
	# Up to 2.6.3x: gcc does not pass -m on to ld any more.
	repair '-m elf_i386 -Wl' arch/x86/vdso/Makefile \
		's/-m elf_i386 -Wl/-m32 -Wl/; s/-m elf_x86_64 -Wl/-m64 -Wl/'
	# Up to 2.6.39: gcc does not take what all functions are (regparm) for the same
	# as what one is told to be.
	repair '^asmregparm ' arch/x86/kernel/ptrace.c 's/^asmregparm //'
	# 4.11 to 4.13, with SELinux: a program that runs here compares the address families
	# of this machine's headers with those that the tree knows.
	repair '^#error New address family' security/selinux/include/classmap.h \
		'/^#error New address family/d'
	# With the function tracer: the assembler leaves out the symbol of a section that
	# nothing refers to, and recordmcount finds no other where all functions are weak.
	repair __weak kernel/elfcore.c '1i int elf_core_anchor(void) { return 0; }'
}

# kmake ARGUMENT...: the tree's own make
kmake() {
	make -C "$source" O="$out/build/objects" ARCH=i386 CC="$cc" HOSTCC="$CC" \
		HOSTCFLAGS="$hostcflags" \
		KBUILD_BUILD_USER=lg KBUILD_BUILD_HOST=lg "$@"
}

# logged WORDS COMMAND...: says the words, and the end of the log if it fails
logged() {
	say "$1"
	shift
	"$@" >>"$out/build/log" 2>&1 </dev/null || {
		tail -n 40 "$out/build/log" >&2
		die "that failed, all of it is in $out/build/log"
	}
}

take_defaults() {
	yes '' | kmake oldconfig
}

# configure: a small one is no for all that the fragments don't say; in a
# distribution's, the last word on an option counts.
configure() {
	_objects=$out/build/objects
	if [ -n "$config" ]; then
		cat "$config" "$here/distribution.config" "$here/$bus.config" \
			"$out/build/fragment" >"$_objects/.config"
		logged "Configuring Linux $version with $config" take_defaults
	else
		cat "$here/$bus.config" "$here/small.config" "$out/build/fragment" \
			>"$out/build/small.config"
		export KCONFIG_ALLCONFIG="$out/build/small.config"
		logged "Configuring a small Linux $version" kmake allnoconfig
		unset KCONFIG_ALLCONFIG
	fi
	cp "$_objects/.config" "$out/config"
}

# missing FILE: options that it has and the configuration has not, though the tree knows
# them
missing() {
	sed -n 's/^CONFIG_\([A-Z0-9_]*\)=y$/\1/p' "$1" |
		grep -vxF -f "$out/build/have" |
		grep -xF -f "$out/build/options" | tr '\n' ' '
}

# What can't be had is dropped silently.
check_config() {
	(cd "$tree" && find . -path './arch/*' ! -path './arch/x86*' -prune -o \
		-name 'Kconfig*' -exec cat {} +) |
		sed -n 's/^[[:space:]]*\(menu\)\{0,1\}config[[:space:]]\{1,\}//p' |
		sort -u >"$out/build/options"
	sed -n 's/^CONFIG_\([A-Z0-9_]*\)=[ym]$/\1/p' "$out/config" >"$out/build/have"
	_missing=$(missing "$here/$bus.config")
	[ -z "$_missing" ] || die "with this configuration there is no $_missing"
	cat "$out/build/fragment" >"$out/build/wanted"
	[ -n "$config" ] || cat "$here/small.config" >>"$out/build/wanted"
	_missing=$(missing "$out/build/wanted")
	[ -z "$_missing" ] || say "Not in this kernel: $_missing"
}

has() {
	grep -qx "$1" "$out/config"
}

config=
jobs=$(nproc)
out=
fragment=
newline='
'
while getopts c:f:o:j:h option; do
	case $option in
	c)	is_file "$OPTARG"
		config=$(absolute "$OPTARG") ;;
	f)	is_file "$OPTARG"
		fragment="$fragment$(cat "$OPTARG")$newline" ;;
	o)	out=$OPTARG ;;
	j)	jobs=$OPTARG ;;
	h)	usage 0 ;;
	*)	usage 1 ;;
	esac
done
shift $((OPTIND - 1))
[ $# = 1 ] || usage 1
[ -d "$1" ] || die "$1 is no directory"
tree=$(cd "$1" && pwd)

check_tree
: "${out:=guest-$version}"
check_tools
mkdir -p "$out/build/objects"
out=$(cd "$out" && pwd)

: >"$out/build/log"
printf %s "$fragment" >"$out/build/fragment"
flags
repair_tree
configure
check_config
# In one go: today's make builds all of such a tree anew each time.
goals="bzImage vmlinux"
! has CONFIG_MODULES=y || goals="$goals modules"
# shellcheck disable=SC2086 # a list of words
logged "Building it, which takes some minutes (the log: $out/build/log)" \
	kmake -j"$jobs" $goals
cp "$out/build/objects/arch/x86/boot/bzImage" "$out/build/objects/vmlinux" "$out"
if has CONFIG_MODULES=y; then
	rm -rf "$out/modules"
	logged "Installing modules" kmake modules_install INSTALL_MOD_PATH="$out/modules"
fi
say "Done. To boot it, in lg's source: make run KERNEL=\"$out/bzImage\" BLOCK=disk.img \
CMDLINE=\"root=/dev/vda rw\""
