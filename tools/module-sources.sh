#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# module-sources.sh DIR: copies into DIR what it takes to build lg.ko, and dkms.conf with
# the version in it
set -eu
to=${1:?which directory?}
cd "$(dirname "$0")/.."
mkdir -p "$to"
find Kbuild VERSION COPYING ./*.[ch] guest shadow x86 include \
	-type f ! -name '*.mod.c' ! -name offsets.h \
	\( -name '*.[chS]' -o -name Kbuild -o -name VERSION -o -name COPYING \) \
	-exec cp --parents -t "$to" {} +
sed "s/#MODULE_VERSION#/$(cat VERSION)/" dkms.conf >"$to/dkms.conf"
