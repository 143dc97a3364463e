# SPDX-License-Identifier: GPL-2.0
# Sourced after lib.sh: a User Mode Linux kernel's tree, of the source of Debian's
# 6.1.
# shellcheck shell=sh disable=SC2034,SC2154 # variables of and for others

. "$run/host.sh"

pkgs_uml="$pkgs_linux $pkgs_host"
kunit=$top/tests/kunit

uml_make() {
	make -C "$1" -j"$jobs" ARCH=um "$2"
}

# A kernel with an empty drivers/lguest, which the project is put into later
make_uml() {
	unpack_source "$1"
	mkdir "$1/drivers/lguest"
	cp "$kunit/Kconfig" "$1/drivers/lguest"
	: >"$1/drivers/lguest/Kbuild"
	# shellcheck disable=SC2016 # $ is the last line
	sed -i '$i source "drivers/lguest/Kconfig"' "$1/drivers/Kconfig"
	echo 'obj-y += lguest/' >>"$1/drivers/Makefile"
	# On a CPU with AMX, which has more registers than 6.1's UML has room for, the host
	# refuses all that it sets. What it sets without this is enough for KUnit.
	sed -i 's/have_xstate_support = 1/have_xstate_support = 0/' \
		"$1/arch/x86/um/os-Linux/registers.c"
	configure "$1" "$kunit/config" ARCH=um
	uml_make "$1" linux
}

# get_uml: sets uml, the tree
get_uml() {
	ask 6.1
	uml=$(cached uml "$kpkg $(gcc --version) $(cat "$run/uml.sh" \
		"$run/linux.sh" "$kunit/Kconfig" "$kunit/config")" make_uml)
}
