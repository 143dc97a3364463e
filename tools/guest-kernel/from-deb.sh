#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# tools/guest-kernel/from-deb.sh [-o DIR] LINUX-IMAGE.deb BUSYBOX
# takes a guest from a distribution's package for i386, without installing it. DIR, by
# default guest-VERSION, gets
#	bzImage		the kernel
#	config		its configuration
#	modules/	its modules, for the root image
#	initrd		an initial RAM disk, which a package does not have: busybox, and the
#			modules to mount root= with
# BUSYBOX is a 32-bit and static one, such as that of busybox-static for i386. Needs dpkg,
# cpio and kmod.

set -eu
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

say() { echo "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }
usage() { sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2; exit "$1"; }

# What a root device may want; most kernels have some of it built in.
wanted="virtio_pci virtio_blk virtio_net virtio-rng ext2 ext3 ext4"

# is_static_i386 FILE: ELF's class and machine, and no interpreter to load it
is_static_i386() {
	[ "$(od -An -tx1 -N5 "$1" | tr -d ' ')" = 7f454c4601 ] || return 1
	[ "$(od -An -tx1 -j18 -N1 "$1" | tr -d ' ')" = 03 ] || return 1
	! head -c 4096 "$1" | grep -q ld-linux
}

# unpack_kernel DEB: what the package has of one
unpack_kernel() {
	dpkg-deb -x "$1" "$work/kernel"
	set -- "$work"/kernel/boot/vmlinuz-*
	[ -f "$1" ] || die "there is no kernel in it; a linux-image-VERSION has one"
	[ $# = 1 ] || die "there is more than one kernel in it"
	version=${1##*/vmlinuz-}
	grep -qx CONFIG_LGUEST_GUEST=y "$work/kernel/boot/config-$version" ||
		die "$version was built without CONFIG_LGUEST_GUEST"
	_lib=$work/kernel/lib/modules
	[ -d "$_lib" ] || _lib=$work/kernel/usr/lib/modules
	[ -d "$_lib/$version" ] || die "there are no modules in it"
	: "${out:=guest-$version}"
	mkdir -p "$out/modules/lib"
	rm -rf "$out/modules/lib/modules"
	cp "$1" "$out/bzImage"
	cp "$work/kernel/boot/config-$version" "$out/config"
	cp -r "$_lib" "$out/modules/lib"
	# It misses lists that kernels of that age don't have.
	depmod -b "$out/modules" "$version" 2>"$work/depmod" || {
		cat "$work/depmod" >&2
		die "depmod failed"
	}
	sed '/could not open modules\.builtin/d' "$work/depmod" >&2
}

# add_modules: those that are modules, in the order of loading
add_modules() {
	mkdir "$root/modules"
	for _name in $wanted; do
		modprobe -d "$out/modules" -S "$version" --show-depends "$_name" \
			2>/dev/null | sed -n 's/^insmod \(.*\.ko[^ ]*\).*/\1/p'
	done | awk '!seen[$0]++' | while read -r _file; do
		cp "$_file" "$root/modules"
		echo "${_file##*/}"
	done >"$root/modules/order"
}

make_initrd() {
	root=$work/root
	mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/root"
	cp "$1" "$root/bin/busybox"
	chmod 755 "$root/bin/busybox"
	add_modules
	cat >"$root/init" <<-'END'
		#!/bin/busybox sh
		busybox=/bin/busybox
		$busybox mount -t proc proc /proc
		$busybox mount -t sysfs sysfs /sys
		while read -r module; do
			$busybox insmod "/modules/$module"
		done </modules/order
		$busybox mount -t devtmpfs devtmpfs /dev 2>/dev/null ||
			$busybox mdev -s
		# The console is on a bus whose driver may be a module, and then nothing
		# has opened it yet. Where early messages have taken hvc0, it is hvc1.
		console=/dev/console
		(: >$console) 2>/dev/null || console=/dev/hvc1
		exec <$console >$console 2>&1
		root= init=/sbin/init mode=ro
		for word in $($busybox cat /proc/cmdline); do
			case $word in
			root=*)	root=${word#root=} ;;
			init=*)	init=${word#init=} ;;
			ro|rw)	mode=$word ;;
			esac
		done
		[ -z "$root" ] || [ -e "$root" ] || $busybox mdev -s
		for type in ext4 ext3 ext2; do
			[ -n "$root" ] || break
			$busybox mount -t $type -o $mode "$root" /root 2>/dev/null ||
				continue
			$busybox umount /proc /sys
			$busybox mount -o move /dev /root/dev 2>/dev/null
			exec $busybox switch_root /root "$init"
		done
		[ -z "$root" ] || echo "initrd: could not mount root=$root"
		echo "initrd: this is its shell"
		$busybox mkdir -p /sbin /usr/bin /usr/sbin
		$busybox --install -s
		exec $busybox sh
	END
	chmod 755 "$root/init"
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) | gzip -9 >"$out/initrd"
}

out=
while getopts o:h option; do
	case $option in
	o)	out=$OPTARG ;;
	h)	usage 0 ;;
	*)	usage 1 ;;
	esac
done
shift $((OPTIND - 1))
[ $# = 2 ] || usage 1
for f; do
	if [ ! -f "$f" ] || [ ! -r "$f" ]; then die "$f is no file that can be read"; fi
done
is_static_i386 "$2" || die "$2 is no 32-bit static program"
for tool in dpkg-deb cpio depmod modprobe; do
	command -v "$tool" >/dev/null || die "there is no $tool"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
unpack_kernel "$1"
make_initrd "$2"
out=$(cd "$out" && pwd)
say "Done. To boot it, in lg's source: make run KERNEL=\"$out/bzImage\" INITRD=\"$out/initrd\" \
BLOCK=disk.img CMDLINE=\"root=/dev/vda rw\""
