# SPDX-License-Identifier: GPL-2.0
# Sourced after host.sh: Bochs with a TLB that keeps what it may, see tlb/kept_tlb.h.
# shellcheck shell=sh disable=SC2034,SC2154 # variables of and for others

pkgs_tlb="$pkgs_build g++ patch xz-utils debian-archive-keyring"
tlb=$run/tlb

# Its source as Debian 13 has it, into DIR
unpack_bochs() (
	release=trixie suite=
	mkdir -p "$1/apt/etc/apt/preferences.d" "$1/apt/etc/apt/sources.list.d" \
		"$1/apt/var/lib/apt/lists/partial" \
		"$1/apt/var/cache/apt/archives/partial"
	sources | sed 's/^Types: deb$/Types: deb-src/' \
		>"$1/apt/etc/apt/sources.list.d/debian.sources"
	apt_conf >"$1/apt/apt.conf"
	: >"$1/apt/status"
	apt "$1/apt" apt-get -q update
	cd "$1" || exit
	# Debian's own changes are about its packages.
	apt "$1/apt" apt-get -q source --download-only --tar-only bochs
	tar -xJf bochs_*.orig.tar.xz --strip-components=1
	rm -r "$1/apt" bochs_*.orig.tar.xz
)

make_bochs() {
	say "Building Bochs with a TLB that keeps, which takes some minutes"
	unpack_bochs "$1"
	cp "$tlb/kept_tlb.h" "$1/cpu"
	if ! { cd "$1" && patch -p1 <"$tlb/bochs.patch" &&
	       ./configure --enable-x86-64 --enable-smp --enable-all-optimizations \
			--enable-avx --enable-evex --with-nogui --disable-docbook \
			CXXFLAGS=-O2 &&
	       make -j"$jobs"; } </dev/null >"$out/tlb.build.log" 2>&1; then
		tail -n 40 "$out/tlb.build.log" >&2
		die "that failed, all of it is in $out/tlb.build.log"
	fi
	# Of no use any more
	find "$1" -mindepth 1 ! -path "$1/bochs" -delete
}

# get_tlb: sets bochs, the program
get_tlb() {
	# shellcheck disable=SC2086 # a list of words
	install_missing $pkgs_tlb
	bochs=$(cached tlb "$(g++ --version) $(cat "$run/tlb.sh" "$tlb/bochs.patch" \
		"$tlb/kept_tlb.h")" make_bochs)/bochs
}
