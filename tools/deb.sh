#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# deb.sh [DIR]: makes the Debian packages lguest and lguest-dkms of this tree, in DIR (by
# default build/deb). DEB_VERSION= is another version.
set -eu
cd "$(dirname "$0")/.."
to=${1:-build/deb}
version=${DEB_VERSION:-$(cat VERSION)}

for program in dpkg-buildpackage dh dh_dkms; do
	command -v $program >/dev/null || {
		echo "deb.sh: there is no $program" \
			"(apt install build-essential gcc-multilib debhelper dh-dkms" \
			"bash-completion libseccomp-dev libjson-c-dev libnbd-dev)" >&2
		exit 1
	}
done
rm -rf "$to"
mkdir -p "$to/lguest-$version"
tools/sources.sh | xargs -0 cp --parents -t "$to/lguest-$version"
cd "$to/lguest-$version"
if [ "$version" != "$(cat VERSION)" ]; then
	echo "$version" >VERSION
	sed -i "1s/(.*)/($version)/" debian/changelog
fi
dpkg-buildpackage --build=binary --unsigned-changes >../build.log 2>&1 || {
	tail -n 40 ../build.log >&2
	exit 1
}
cd ..
rm -rf "lguest-$version"
ls -- *.deb
