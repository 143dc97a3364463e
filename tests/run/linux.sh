# SPDX-License-Identifier: GPL-2.0
# Sourced by host.sh: kernels of our own, made of the source of Debian's 6.1 by
# this machine's compiler.
# shellcheck shell=sh disable=SC2034,SC2154 # variables of and for others

pkgs_linux="$pkgs_build flex bison bc libelf-dev"

# Linux as Debian has it, into DIR. Most of the source is for other machines; none
# of that is in the kernels that are made here.
unpack_source() {
	_version=$(echo "$kver" | cut -d . -f 1,2)
	download "$1/source/debs" "linux-source-$_version"
	unpack_debs "$1/source"
	tar -C "$1" -xJf "$1"/source/root/usr/src/linux-source-*.tar.xz \
		--strip-components=1 --exclude='*/Documentation/*.*' \
		--exclude="linux-source-$_version/arch/[a-tvwyz]*.[chS]" \
		--exclude='*/drivers/gpu/*.[ch]' --exclude='*/drivers/net/*/*.[ch]' \
		--exclude='*/drivers/media/*.[ch]' --exclude='*/sound/*.[ch]' \
		--exclude='*/drivers/staging/*.[ch]' --exclude='*/tools/testing' \
		--exclude='*.dts*'
	rm -r "$1/source"
}

# configure DIR FILE [VARIABLE=VALUE...]: with what FILE says and what that needs.
# What cannot be had would be dropped silently.
configure() {
	_tree=$1
	grep '^CONFIG_' "$2" >"$1/config.lg"
	shift 2
	make -C "$_tree" KCONFIG_ALLCONFIG=config.lg "$@" allnoconfig || return
	while read -r _option; do
		grep -qx "$_option" "$_tree/.config" ||
			die "no $_option in this kernel"
	done <"$_tree/config.lg"
}

own_config() {
	cat "$run/own.config" "$run/$1.config"
}

# make_own_host NAME DIR: a kernel that watches itself, and the tree it was built in,
# for modules. KCSAN watches these alone: the kernel has races of its own.
make_own_host() {
	say "Building a Linux that watches itself, which takes a while"
	unpack_source "$2"
	own_config "$1" >"$2/own.config"
	if ! { configure "$2" "$2/own.config" &&
	       make -C "$2" -j"$jobs" KCSAN_SANITIZE=n bzImage \
			drivers/block/brd.ko; } \
	       </dev/null >"$out/$1.log" 2>&1; then
		tail -n 40 "$out/$1.log" >&2
		die "that failed, all of it is in $out/$1.log"
	fi
	mv "$2/arch/x86/boot/bzImage" "$2/vmlinuz"
	_release=$(cat "$2/include/config/kernel.release")
	_lib=$2/modules/lib/modules/$_release
	mkdir -p "$_lib"
	mv "$2/drivers/block/brd.ko" "$2"/modules.builtin* "$_lib"
	: >"$_lib/modules.order"
	/sbin/depmod -b "$2/modules" "$_release"
	cp "$2/vmlinux.symvers" "$2/Module.symvers"
	# Large, and of no use to modules
	find "$2" \( -name '*.[ao]' -o -name '.*.cmd' -o -name 'vmlinux*' \
		-o -name '.tmp_vmlinux*' \) ! -name vmlinuz \
		! -path '*/scripts/*' ! -path '*/tools/*' -exec rm {} +
}

get_own_host() {
	# shellcheck disable=SC2086 # a list of words
	install_missing $pkgs_linux
	ask 6.1
	host=$(cached "$1" "$kpkg $(gcc --version) $(own_config "$1") \
		$(cat "$run/linux.sh")" make_own_host "$1")
	kver=$(cat "$host/include/config/kernel.release")
}
