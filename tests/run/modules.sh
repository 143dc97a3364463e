# SPDX-License-Identifier: GPL-2.0
# Sourced by host.sh: builds the module for the host that get_host has got, in a
# chroot with that host's own compiler.
# shellcheck shell=sh disable=SC2154 # variables of others

# in_chroot DIR COMMAND...: runs that in $host/root, with DIR as /mnt. The mounts go
# away with the command, however it ends.
in_chroot() {
	# shellcheck disable=SC2016 # for the other shell
	as_root unshare --mount sh -ec '
		root=$1 user=$2 dir=$3
		shift 3
		mount -t proc proc "$root/proc"
		mount --bind /dev "$root/dev"
		mount --bind "$dir" "$root/mnt"
		exec chroot --userspec="$user" "$root" \
			env -i PATH=/usr/sbin:/usr/bin "$@"' \
		sh "$host/root" "$(id -u):$(id -g)" "$@"
}

# make_modules KVER DIR: builds what is in $out/DIR, and has sparse look at it
make_modules() {
	if [ -d "$host/root" ]; then
		# Installed there, it would bring all of LLVM along.
		cp "$(command -v sparse)" "$out/$2"
		in_chroot "$out/$2" make -C "/usr/src/linux-headers-$1" M=/mnt \
			CHECK=/mnt/sparse W=1 C=1 -j"$jobs" modules
	else
		make -C "$host" M="$out/$2" CHECK=sparse W=1 C=1 -j"$jobs" \
			modules
	fi
}

# objtool DIR ARGUMENT...: asks the host's own about lg.o in $out/DIR, which stays
# as it is
objtool() {
	_dir=$1
	shift
	if [ -d "$host/root" ]; then
		# shellcheck disable=SC2016 # for the other shell
		in_chroot "$out/$_dir" sh -c '
			SRCARCH=x86 \
			exec /usr/lib/linux-kbuild-*/tools/objtool/objtool "$@" \
				/mnt/lg.o' sh "$@"
	else
		SRCARCH=x86 "$host/tools/objtool/objtool" "$@" "$out/$_dir/lg.o"
	fi
}

# noinstr DIR: fails if code that nothing may probe or trace calls code that may be.
# objtool does not know from here which of the kernel's functions are of that kind. Before
# 6.0 it can't do that for modules.
noinstr() {
	objtool "$1" --help 2>&1 | grep -q -e --link || return 0
	objtool "$1" --noinstr --module --link --dry-run \
		>"$out/$1.noinstr" 2>&1 || {
		tail -n 40 "$out/$1.noinstr" >&2
		return 1
	}
	! grep 'leaves .noinstr.text' "$out/$1.noinstr" |
		grep -v -e '{dynamic}' -e __ct_user_enter -e __ct_user_exit \
			-e lockdep_hardirqs_o -e kvm_read_and_reset_apf_flags >&2
}

# copy_sources DIR LINE FILE...: puts what lg.ko is built of into $out/DIR, with LINE in
# its Kbuild and FILEs besides
copy_sources() {
	_dir=$1 _line=$2
	shift 2
	mkdir -p "$out/$_dir"
	(cd "$top" && find Kbuild VERSION ./*.[ch] guest shadow include x86 "$@" \
		\( -name Kbuild -o -name VERSION -o -name '*.[chS]' \) \
		! -name '*.mod.c' ! -name offsets.h) | copy_changed "$out/$_dir"
	echo "$_line" >>"$out/$_dir/Kbuild"
}

# compile KVER DIR: builds lg.ko of what is in $out/DIR. A warning is a failure: objtool
# may be saying that a stack can't be unwound.
compile() {
	if ! make_modules "$1" "$2" </dev/null >"$out/$2.log" 2>&1 ||
	     grep -v 'warning: the compiler differs from' "$out/$2.log" |
		grep -q warning:; then
		tail -n 40 "$out/$2.log" >&2
		say "That was not good enough, all of it is in $out/$2.log"
		return 1
	fi
	noinstr "$2"
}

# build_in KVER DIR LINE FILE...: both
build_in() {
	_kver=$1
	shift
	copy_sources "$@"
	compile "$_kver" "$1"
}

# build_modules KVER: builds lg.ko, and what the tests load besides, in $out/KVER
build_modules() {
	say "Building modules for $1, which takes up to a minute"
	build_in "$1" "$1" 'obj-m += tests/host/' tests/host
}

# build_suites KVER: builds lg.ko with the KUnit suites for x86/, in $out/KVER-kunit
build_suites() {
	say "Building the KUnit suites for $1"
	build_in "$1" "$1-kunit" "lg-y += $(cd "$top" &&
		find tests/x86 -name '*.c' ! -name '*.mod.c' |
		sed 's/c$/o/' | tr '\n' ' ')" tests/x86 \
		tests/kunit/lib/guest_memory.h
}
