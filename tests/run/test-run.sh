#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-run [HOST=kernels]: tests "make run" as README has it, with everything
# that it takes for a guest, which is tests/guests/devices.c; and what it says when
# that won't do.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"

image=$out/run.img
log=$out/run.log
hosts=${HOST:-$hosts}

# make_run VARIABLE=VALUE...: runs it, by default on the first host
make_run() {
	status=0
	env HOST="${hosts%% *}" TIMEOUT=1200 "$@" "$run/run.sh" </dev/null >"$log" 2>&1 ||
		status=$?
	tr -d '\r' <"$log" >"$log.text"
	mv "$log.text" "$log"
}

# try NAME COMMAND...: a test that passes if that does
try() {
	n=$((n + 1))
	_name=$1
	shift
	if "$@"; then
		echo "ok $n $_name"
	else
		tail -n 40 "$log" | sed 's/^/# /'
		echo "not ok $n $_name"
	fi
}

says() {
	grep -qF -- "$1" "$log"
}

fails_saying() {
	[ $status != 0 ] && says "$1"
}

# It fails before anything is built or booted.
refuses() {
	fails_saying "$1" && ! says Building
}

fails_before_boot() {
	fails_saying "$1" && ! says Booting
}

new_image() {
	dd if=/dev/zero of="$image" bs=64k count=1 2>"$out/dd.log"
	echo 'written by the host' |
		dd of="$image" conv=notrunc 2>"$out/dd.log"
}

# sector NUMBER TEXT: is it there?
sector() {
	dd if="$image" bs=512 skip="$1" count=1 2>"$out/dd.log" |
		grep -qa "^$2$"
}

# The guest had a disk, a card, random numbers, an initrd and its command line.
guest_had_all() {
	[ $status = 0 ] && says '# command line: two words' &&
		says 'ok 10 - initrd' && ! says 'not ok' && ! says SKIP
}

guest_wrote() {
	sector 1 'written by the guest' && sector 127 'written in a barrier'
}

# A Launcher like Linux's own: prints its options, and ends with their status when a
# guest powers off
historic_launcher() {
	cat <<-'END'
	#!/bin/busybox sh
	echo "run with: $*"
	exit 1
	END
}

run_hosts() {
	for h in $hosts; do
		new_image
		make_run HOST="$h" KERNEL="$guests/devices.elf" BLOCK="$image" \
			INITRD="$run/init" CMDLINE='two words' NET=user RNG=1 BALLOON=48
		try "$h: all that a guest can have" guest_had_all
		try "$h: what it wrote" guest_wrote
	done
}

run_others() {
	historic_launcher >"$out/launcher"
	make_run LAUNCHER="$out/launcher" KERNEL="$guests/boot.elf" \
		INITRD="$run/init" BLOCK="$image" RNG=1 NET=user MEM=32 \
		CMDLINE=word
	try 'another Launcher' [ $status = 0 ]
	try 'its options' says "run with: --tunnet=bridge:br0 --initrd=/initrd \
--block=/dev/vda --rng 32 /kernel word"
	make_run TIMEOUT=10
	try 'time limit' fails_saying 'TIMEOUT: stopped after 10 seconds'
	make_run BLOCK="$image" append=module_blacklist=virtio_blk
	try 'a module is refused' \
		fails_saying 'run.sh: modprobe virtio_blk failed:'
	make_run LAUNCHER="$guests/boot.elf"
	try 'a Launcher that is none' fails_saying 'the Launcher did not end well'
	make_run LAUNCHER=/bin/true
	try 'one that does nothing' fails_saying 'the Launcher did not end well'
}

# In place of QEMU: a machine that waits for another one, and then ends well
meeting_machine() {
	cat <<-'END'
	#!/bin/sh
	for word; do
		case $word in file:*) status=${word#file:} ;; esac
	done
	: >"${0%/*}/here.$$"
	while [ "$(find "${0%/*}" -name 'here.*' | wc -l)" -lt 2 ]; do
		sleep 0.1
	done
	echo 'status 0' >"$status"
	END
}

run_two() {
	rm -rf "$out/meeting"
	mkdir "$out/meeting"
	meeting_machine >"$out/meeting/qemu-system-x86_64"
	chmod +x "$out/meeting/qemu-system-x86_64"
	(
		log=$out/run.other.log
		make_run PATH="$out/meeting:$PATH"
		exit $status
	) &
	make_run PATH="$out/meeting:$PATH"
	other=0
	wait $! || other=$?
	try 'two at once' [ "$status $other" = '0 0' ]
}

run_refused() {
	for v in KERNEL INITRD BLOCK LAUNCHER; do
		make_run "$v=$out/nothing"
		try "$v is not there" \
			refuses "$v=$out/nothing: there is no such file"
		make_run "$v=$out"
		try "$v is a directory" refuses "$v=$out can't be read"
	done
	for v in MEM BALLOON TIMEOUT; do
		for n_ in 1x 08 0; do
			make_run "$v=$n_"
			try "$v=$n_" refuses "$v=$n_ is not a number"
		done
	done
	make_run KERNEL="$run/run.sh"
	try 'a KERNEL that is none' \
		fails_before_boot 'neither a vmlinux (ELF) nor a bzImage'
	make_run MEM=64 BALLOON=65
	try 'BALLOON=65 of MEM=64' refuses 'is more than MEM=64'
	make_run MEM=4096
	try 'MEM=4096' refuses 'more than a guest can have'
	for v in RNG ACCEL HOST; do
		make_run "$v=other"
		try "$v=other" refuses "$v=other is none of:"
	done
	make_run NET=nothing
	try 'NET is not there' refuses 'there is no such tap interface'
}

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm
mkdir -p "$out"
: >"$out/run.results"
build guests
n=0
{
	run_hosts
	run_others
	run_two
	run_refused
} >"$out/run.tests"
{
	echo '# begin run'
	echo 'KTAP version 1'
	echo "1..$n"
	cat "$out/run.tests"
	echo '# end run 0'
	echo '# done'
} >"$out/run.results"
report run
