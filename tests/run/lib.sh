# SPDX-License-Identifier: GPL-2.0
# Sourced by the scripts beside it: where things are, what must be installed,
# and the cache of what is slow to make. POSIX sh with Debian's tools.
# shellcheck shell=sh disable=SC2034 # of what is set here, much is used there

set -eu
# What is built below is built by a make of its own.
unset MAKEFLAGS MAKELEVEL MFLAGS

top=$(cd "$(dirname "$0")/../.." && pwd)
run=$top/tests/run
out=$run/build
guests=$top/tests/guests/build
cache=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/lg
jobs=$(nproc)

say() { echo "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# What every script needs. The two that say headers and multilib are for the
# module and for 32-bit programs.
pkgs_build='make gcc libc6-dev linux-headers-amd64 gcc-multilib libc6-dev-i386'

# install_missing PACKAGE...: by apt, and only when there is something to do
install_missing() {
	missing=
	for p; do
		dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null |
			grep -q '^.i' || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	say "Installing missing packages:$missing"
	as_root apt-get update -q >&2
	# shellcheck disable=SC2086 # a list of words
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
		--no-install-recommends $missing </dev/null >&2
}

# cached KIND KEY FUNCTION...: print the directory of a cache entry. One that
# does not exist is filled by "FUNCTION... DIR" under another name and renamed
# when complete, so an entry that can be seen can be trusted. KEY must hold
# everything that the content depends on.
cached() {
	_kind=$1
	_entry=$(entry "$1" "$2")
	shift 2
	if [ ! -d "$_entry" ]; then
		mkdir -p "$cache"
		_new=$(mktemp -d "$cache/.new-XXXXXX")
		"$@" "$_new" >&2
		chmod 755 "$_new"
		# Somebody else may have been faster; theirs is as good.
		mv -T "$_new" "$_entry" 2>/dev/null || rm -rf "$_new"
		# Other versions, and leftovers, that nobody touched lately
		find "$cache" -maxdepth 1 -mtime +14 \
			\( -name "$_kind-*" -o -name '.new-*' \) \
			-exec rm -rf {} +
	fi
	touch "$_entry"
	echo "$_entry"
}

entry() {
	echo "$cache/$1-$(printf %s "$2" | sha256sum | cut -c 1-16)"
}

# unpack_deb PACKAGE=VERSION DIR: without installing it
unpack_deb() {
	_deb=$(mktemp -d)
	(cd "$_deb" && apt-get -q -o APT::Sandbox::User=root download "$1")
	dpkg-deb -x "$_deb"/*.deb "$2"
	rm -rf "$_deb"
}

# The stock kernel is the one that the installed headers belong to. Sets kver
# (like 6.1.0-56-amd64), kpkg (like 6.1.192-2) and kdir.
stock_version() {
	kver=$(dpkg-query -W -f '${Depends}' linux-headers-amd64 |
		sed 's/^linux-headers-\([^ ]*\).*/\1/')
	kpkg=$(dpkg-query -W -f '${Version}' "linux-headers-$kver")
	kdir=/usr/src/linux-headers-$kver
	stock_key="$kver $kpkg $stock_modules"
}

# For the user's own block device
stock_modules='virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev
	virtio_pci virtio_blk'

unpack_stock() {
	say "Fetching linux-image-$kver $kpkg"
	unpack_deb "linux-image-$kver=$kpkg" "$1/deb"
	mv "$1/deb/boot/vmlinuz-$kver" "$1/vmlinuz"
	mv "$1/deb/boot/config-$kver" "$1/config"
	for m in $stock_modules; do
		find "$1/deb/lib/modules" -name "$m.ko" -exec mv {} "$1" \;
	done
	rm -rf "$1/deb"
}

# Sets stock, the directory with the stock kernel, and what stock_version sets.
# The archive keeps only its newest kernels: headers installed some time ago
# may have lost their image, and are then brought up to date.
get_stock() {
	stock_version
	if [ ! -d "$(entry stock "$stock_key")" ]; then
		as_root apt-get update -q >&2
		if ! apt-cache madison "linux-image-$kver" |
		     grep -qF " $kpkg "; then
			say "linux-image-$kver $kpkg has left the archive:" \
				"upgrading linux-headers-amd64"
			as_root apt-get install -q -y linux-headers-amd64 \
				</dev/null >&2
			stock_version
		fi
	fi
	stock=$(cached stock "$stock_key" unpack_stock)
}

# build GOAL...: with the top Makefile, against the stock kernel's headers
build() {
	say "Building $*"
	make -C "$top" -j"$jobs" KDIR="$kdir" "$@" >"$out/build.log" 2>&1 || {
		tail -n 40 "$out/build.log" >&2
		die "make $* failed, all of it in $out/build.log"
	}
}

# report STAGE...: results as one document, unless make test is to do that
report() {
	[ -z "${ALL_STAGES-}" ] || return 0
	cd "$out"
	for stage; do set -- "$@" "$stage.results"; shift; done
	awk -f "$run/ktap.awk" "$@"
}
