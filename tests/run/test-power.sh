#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-power [CUTS=number] [HOST=6.12]: guests write and flush for ever, and the host's
# power fails. Is there on its disks what the guests had been told that it is safe? They are
# three at a time, see job-power and tests/guests/durable.c.
#
# A cut is a moment at which the machine stands still, as all that it had in memory is lost
# then. Its disks are copied, a journal is replayed on the copy as after a cut, and it goes
# on. Every tenth time it is killed, indeed, and boots again.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"

pkgs_power='e2fsprogs'
disks=$out/power-disks
sectors=512

# monitor COMMAND: returns when QEMU has done it
monitor() {
	echo "$1" >&5
	# It repeats each letter, and is ready for the next when it prompts.
	echo 'info name' >&5
	while read -r _said <&6; do
		case $_said in lg-power*) break ;; esac
	done
}

start() {
	rm -f "$disks"/in "$disks"/out
	mkfifo "$disks/in" "$disks/out"
	for _port in 0 1 2 3; do : >"$disks/port$_port"; done
	say "Booting power"
	limit='' append=''
	qemu -m 512 -name lg-power \
		-drive "if=virtio,format=raw,file=$disks/raw" \
		-drive "if=virtio,format=raw,file=$disks/ext4" \
		-serial "file:$disks/port0" -serial "file:$disks/port1" \
		-serial "file:$disks/port2" -serial "file:$disks/port3" \
		-monitor stdio <"$disks/in" >"$disks/out" 2>>"$out/power.log" &
	machine=$!
	exec 5>"$disks/in" 6<"$disks/out"
	wait_for 100
}

# promised PORT: the last write that the guest on it was told is safe
promised() {
	tr -d '\r' <"$disks/port$1" | sed -n 's/^durable \([0-9]*\)$/\1/p' | tail -n 1
}

# wait_for MORE: until each guest has that many more writes to count on
wait_for() {
	_more=$1
	for _port in 1 2 3; do
		_first=$(promised $_port)
		until [ "$(($(promised $_port) - ${_first:-0}))" -ge "$_more" ]; do
			kill -0 "$machine" 2>/dev/null || die "the machine has ended"
			! grep -q 'Kernel panic\|failed after' "$disks"/port? ||
				die "something else has failed, see $disks"
			! is_silent 1800 "$disks"/port? || die "the machine hangs"
			sleep 0.1
		done
	done
}

# missing IMAGE LAST: how many of the writes up to this one are not there. What is there in
# their place must be one that came later.
missing() {
	od -A n -t u4 -w512 -v -N $((sectors * 512)) "$1" | awk -v last="$2" -v sectors=$sectors '
	{
		sector = NR - 1
		should = last < sector ? 0 : last - (last - sector) % sectors
		for (i = 1; i <= NF; i++)
			if ($i < should || $i % sectors != (should ? sector : $i % sectors)) {
				missing++
				break
			}
	}
	END { print missing + 0 }'
}

# look: at what the disks hold by now
look() {
	cp --sparse=always "$disks/raw" "$disks/ext4" "$disks/copy"
	e2fsck -fy "$disks/copy/ext4" >"$disks/e2fsck" 2>&1 || [ $? = 1 ] || return
	for _file in flush none; do
		debugfs -R "dump /$_file $disks/copy/$_file" "$disks/copy/ext4" 2>/dev/null
	done
	_port=0 lost=0
	for _file in raw flush none; do
		_port=$((_port + 1))
		_lost=$(missing "$disks/copy/$_file" "$(promised $_port)")
		[ "$_lost" = 0 ] || echo "# $_file: $_lost of $(promised $_port) writes lost"
		lost=$((lost + _lost))
	done
	[ $lost = 0 ]
}

the_power_fails() {
	if [ $(($1 % 10)) = 0 ]; then
		kill -9 "$machine"
		wait "$machine" 2>/dev/null || :
		exec 5>&- 6<&-
		look || return
		make_disks
		start
	else
		monitor stop
		_status=0
		look || _status=1
		monitor cont
		return $_status
	fi
}

make_disks() {
	truncate -s 0 "$disks/raw" "$disks/ext4"
	truncate -s 1M "$disks/raw"
	rm -rf "$disks/root"
	mkdir -p "$disks/root" "$disks/copy"
	truncate -s 1M "$disks/root/flush" "$disks/root/none"
	mke2fs -q -t ext4 -O ^metadata_csum -d "$disks/root" "$disks/ext4" 64M
}

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm $pkgs_power
PATH=$PATH:/usr/sbin:/sbin
rm -rf "$disks"
mkdir -p "$out" "$disks"
: >"$out/power.results"
: >"$out/power.log"
build launcher guests
get_host "${HOST:-6.1}"
build_modules "$kver"
new_initramfs "$run/job-power" "$guests/durable.elf"
add_modules
pack
make_disks
start
trap 'kill -9 $machine 2>/dev/null || :' EXIT
{
	echo '# begin power'
	echo 'KTAP version 1'
	echo "1..${CUTS:=20}"
	n=0
	while [ $n -lt "$CUTS" ]; do
		n=$((n + 1))
		wait_for $((n * 37 % 60 + 1))
		if the_power_fails $n; then
			echo "ok $n cut $n, after $(promised 1), $(promised 2) and $(promised 3) writes"
		else
			echo "not ok $n cut $n"
		fi
	done
	echo '# end power 0'
	echo '# done'
} >"$out/power.results"
report power
