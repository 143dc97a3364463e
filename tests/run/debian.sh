# SPDX-License-Identifier: GPL-2.0
# Sourced after host.sh: a Debian 12 with its kernel, its compiler and DKMS, for packages of
# ours to be installed in; and another kernel to which it is upgraded, not installed yet.
# shellcheck shell=sh disable=SC2034,SC2154 # variables of and for others

pkgs_debian='mmdebstrap debian-archive-keyring e2fsprogs'
in_debian='systemd-sysv,udev,kmod,dkms,gcc,make,adduser,passt,linux-image-amd64,linux-headers-amd64'
in_debian=$in_debian,libjson-c5,libseccomp2,libnbd0,qemu-utils,diod,iproute2
upgrade='linux-image-cloud-amd64 linux-headers-cloud-amd64'

make_debian() {
	# shellcheck disable=SC2016 # for the other shell
	as_root mmdebstrap --variant=minbase --include="$in_debian" \
		--customize-hook='rm -f "$1"/var/cache/apt/archives/*.deb' \
		--customize-hook="chroot \"\$1\" apt-get install -y --download-only --no-install-recommends \
			-o APT::Keep-Downloaded-Packages=true $upgrade" \
		--skip=cleanup/apt bookworm "$1/debian.tar" \
		'deb http://deb.debian.org/debian bookworm main' \
		'deb http://deb.debian.org/debian bookworm-updates main' \
		'deb http://deb.debian.org/debian-security bookworm-security main'
}

# get_debian: sets debian, an archive of all of it
get_debian() {
	ask 6.1
	debian=$(cached root "$kpkg $(cat "$run/debian.sh")" make_debian)/debian.tar
}

# unpack_debian DIR
unpack_debian() {
	as_root rm -rf "$1"
	mkdir -p "$1"
	as_root tar -xf "$debian" -C "$1" --numeric-owner --xattrs
	# Nothing is started in a chroot.
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$1/usr/sbin/policy-rc.d" >/dev/null
	as_root chmod 755 "$1/usr/sbin/policy-rc.d"
}

# run_in_debian DIR COMMAND...: run that in there
run_in_debian() {
	# shellcheck disable=SC2016 # for the other shell
	as_root unshare --mount sh -ec '
		root=$1
		shift
		mount -t proc proc "$root/proc"
		mount -t sysfs sys "$root/sys"
		mount --bind /dev "$root/dev"
		exec chroot "$root" env -i DEBIAN_FRONTEND=noninteractive LC_ALL=C \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' sh "$@" </dev/null
}
