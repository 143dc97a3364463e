# SPDX-License-Identifier: GPL-2.0
# The scripts beside it source this: where things are, what must be installed, and
# the cache of what is slow to make. POSIX sh with Debian's tools.
# shellcheck shell=sh disable=SC2034 # of what is set here, much is used there

set -eu
# Builds below run a make of their own.
unset MAKEFLAGS MAKELEVEL MFLAGS

top=$(cd "$(dirname "$0")/../.." && pwd)
run=$top/tests/run
out=$run/build
guests=$top/tests/guests/build
cache=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/lg
jobs=$(nproc)

# Messages go to whoever has started us, whatever becomes of standard error.
exec 3>&2
say() { echo "$*" >&3; }
die() { say "${0##*/}: $*"; exit 1; }

. "$run/progress.sh"

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# What every script needs: the last two are for 32-bit programs.
pkgs_build='make gcc libc6-dev gcc-multilib libc6-dev-i386 libseccomp-dev
	libjson-c-dev libnbd-dev qemu-utils'

# install_missing PACKAGE...: by apt, and only when there is something to do
install_missing() {
	missing=
	for p; do
		dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null |
			grep -q '^.i' || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	say "Installing missing packages:$missing"
	as_root apt-get update >&2
	# Another apt may be at work.
	# shellcheck disable=SC2086 # a list of words
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y \
		-o DPkg::Lock::Timeout=1800 \
		--no-install-recommends $missing </dev/null >&2
}

# $(cached KIND KEY FUNCTION...): the directory of a cache entry. If there is none,
# "FUNCTION... DIR" fills one under another name, which is renamed when complete: so
# an entry that can be seen can be trusted. KEY must hold everything that the
# content depends on.
cached() {
	_kind=$1
	_entry=$(entry "$1" "$2")
	shift 2
	if [ ! -d "$_entry" ]; then
		mkdir -p "$cache"
		_new=$(mktemp -d "$cache/.new-XXXXXX")
		# Half of a kernel is large: remove it. The traps are this
		# subshell's.
		watcher=
		trap 'end_progress; rm -rf "$_new"' EXIT
		trap 'exit 1' HUP INT TERM
		begin_progress "$_kind" "$_new"
		"$@" "$_new" >&2
		end_progress
		trap - EXIT HUP INT TERM
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

# copy_changed DIR: copies those files below $top, named on standard input, that
# differ from what is there, lest everything be compiled anew
copy_changed() {
	while read -r _file; do
		mkdir -p "$1/$(dirname "$_file")"
		cmp -s "$top/$_file" "$1/$_file" || cp "$top/$_file" "$1/$_file"
	done
}

# build GOAL...: builds programs with the top Makefile
build() {
	say "Building $*"
	make -C "$top" -j"$jobs" "$@" >"$out/build.log" 2>&1 || {
		tail -n 40 "$out/build.log" >&2
		die "make $* failed, all of it in $out/build.log"
	}
}

# lock_builds, unlock_builds: two builds in one checkout would spoil each other's
# files. Take what has been built from there before you unlock.
lock_builds() {
	exec 8>"$out/lock"
	flock -n 8 || {
		say "Waiting for another make run that builds here"
		flock 8
	}
}

unlock_builds() {
	exec 8>&-
}

# report STAGE...: prints the results as one document, unless make test does that
report() {
	[ -z "${ALL_STAGES-}" ] || return 0
	cd "$out"
	for stage; do set -- "$@" "$stage.results"; shift; done
	awk -v counts=counts -f "$run/ktap.awk" "$@"
}
