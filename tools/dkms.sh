#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# dkms.sh install|remove: has DKMS build lg.ko for $KVER, and for each kernel that is
# installed from now on; or takes all of that away again. Needs root.
set -eu
here=$(dirname "$0")
version=$(cat "$here/../VERSION")
sources=/usr/src/lguest-$version

die() { echo "dkms.sh: $*" >&2; exit 1; }

# Also of other versions, since two can't be loaded
remove_all() {
	for _tree in /var/lib/dkms/lguest/*; do
		[ -d "$_tree/source" ] || continue
		dkms remove "lguest/${_tree##*/}" --all
		rm -rf "/usr/src/lguest-${_tree##*/}"
	done
}

command -v dkms >/dev/null || die "there is no dkms (apt install dkms)"
[ "$(id -u)" = 0 ] || die "only root may (sudo make dkms-$1)"
! dpkg-query -W -f '${db:Status-Abbrev}' lguest-dkms 2>/dev/null | grep -q '^.i' ||
	die "the package lguest-dkms is installed, and does this"
case $1 in
install)
	remove_all
	"$here/module-sources.sh" "$sources"
	dkms install "lguest/$version" -k "$KVER"
	;;
remove)
	remove_all
	rm -rf "$sources"
	;;
*)	die "install or remove?" ;;
esac
