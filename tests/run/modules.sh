# SPDX-License-Identifier: GPL-2.0
# Sourced by host.sh: the module, built for the host that get_host has got, in a
# chroot with that host's own compiler.
# shellcheck shell=sh disable=SC2154 # variables of others

# in_chroot DIR COMMAND...: in $host/root, with DIR as its /mnt. What is mounted
# goes away with the command, however it ends.
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

# make_modules KVER: what is in $out/KVER, looked at by sparse, too
make_modules() {
	if [ -d "$host/root" ]; then
		# To install it there would bring all of LLVM along.
		cp "$(command -v sparse)" "$out/$1"
		in_chroot "$out/$1" make -C "/usr/src/linux-headers-$1" M=/mnt \
			CHECK=/mnt/sparse W=1 C=1 -j"$jobs" modules
	else
		make -C "$host" M="$out/$1" CHECK=sparse W=1 C=1 -j"$jobs" \
			modules
	fi
}

# build_modules KVER: lg.ko, and what the tests load besides, below $out/KVER. A
# warning is a failure: it may be objtool's that a stack can't be unwound.
build_modules() {
	say "Building modules for $1"
	mkdir -p "$out/$1"
	(cd "$top" && find Kbuild ./*.[ch] include x86 tests/host \
		\( -name Kbuild -o -name '*.[chS]' \) ! -name '*.mod.c' \
		! -name offsets.h) | copy_changed "$out/$1"
	echo 'obj-m += tests/host/' >>"$out/$1/Kbuild"
	if ! make_modules "$1" </dev/null >"$out/$1.log" 2>&1 ||
	     grep -q warning: "$out/$1.log"; then
		tail -n 40 "$out/$1.log" >&2
		say "That was not good enough, all of it is in $out/$1.log"
		return 1
	fi
}
