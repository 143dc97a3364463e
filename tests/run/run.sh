#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make run [KERNEL=file [INITRD=file]] [CMDLINE=words] [BLOCK=image]
#	[NET=user|interface] [RNG=1] [MEM=MB] [BALLOON=MB] [LAUNCHER=program]
#	[TIMEOUT=seconds] [HOST=6.12] [ACCEL=kvm]: a guest on this terminal, under
# lg.ko on a stock kernel of Debian's in QEMU. Without KERNEL it is the demo guest.
# NET is what the guest's card is plugged into: QEMU's own network, where it finds
# the world by DHCP, or a tap interface of this machine. LAUNCHER takes the place of
# launcher/lguest, with the same options or those of Linux's own. TIMEOUT counts
# from the machine's boot; to reach it is a failure.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"

# is_file VARIABLE VALUE: a value, if there is one, must be a file that can be read
is_file() {
	[ -n "$2" ] || return 0
	[ -e "$2" ] || die "$1=$2: there is no such file"
	if [ -d "$2" ] || [ ! -r "$2" ]; then die "$1=$2 can't be read"; fi
}

# is_number VARIABLE VALUE
is_number() {
	case $2 in *[!0-9]* | 0* | ?????????*) die "$1=$2 is not a number" ;; esac
}

# The hosts that get_host knows by their files
own_hosts() {
	for _file in "$run"/*.config; do
		_file=${_file##*/}
		[ "$_file" = own.config ] || echo "${_file%.config}"
	done
}

# is_one_of VARIABLE VALUE WORD...
is_one_of() {
	_what="$1=$2"
	_value=$2
	shift 2
	for _word; do [ "$_word" != "$_value" ] || return 0; done
	die "$_what is none of: $*"
}

is_file KERNEL "${KERNEL-}"
is_file INITRD "${INITRD-}"
is_file LAUNCHER "${LAUNCHER-}"
is_file BLOCK "${BLOCK-}"
[ -z "${BLOCK-}" ] || [ -w "$BLOCK" ] || die "BLOCK=$BLOCK can't be written to"
is_number MEM "${MEM:=64}"
[ "$MEM" -lt 4096 ] || die "MEM=$MEM is more than a guest can have, 4095"
is_number BALLOON "${BALLOON-}"
[ "${BALLOON:-0}" -le "$MEM" ] || die "BALLOON=$BALLOON is more than MEM=$MEM"
is_number TIMEOUT "${TIMEOUT-}"
is_number SMP "${SMP-}"
is_one_of RNG "${RNG:=0}" 0 1
is_one_of ACCEL "${ACCEL:-tcg}" tcg kvm
# shellcheck disable=SC2046,SC2086 # lists of words
is_one_of HOST "${HOST:=6.1}" $hosts $(own_hosts)
case ${NET:-user} in
user)	;;
*)	[ -e "/sys/class/net/$NET/tun_flags" ] ||
		die "NET=$NET: there is no such tap interface" ;;
esac

# What the Launcher would refuse, before a machine boots for it. There is no guest to be
# made here, so it ends at the device at the latest.
check_kernel() {
	if [ -z "${KERNEL-}" ] || [ -n "${LAUNCHER-}" ]; then return 0; fi
	_device=$work/no-device
	"$top/launcher/lguest" --device="$_device" --memory="$MEM" \
		${INITRD:+"--initrd=$INITRD"} "$KERNEL" >"$work/said" 2>&1 </dev/null || :
	grep -q "$_device" "$work/said" || die "$(sed 's/^lguest: //' "$work/said")"
}

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm
mkdir -p "$out"
# Several may run at once.
work=$(mktemp -d "$out/run-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
lock_builds
build launcher guests
check_kernel
get_host "$HOST"
build_modules "$kver"

new_initramfs "$run/job-run" "$guests/demo.elf"
add_modules
set --
[ -z "${KERNEL-}" ] || add "$KERNEL" kernel
[ -z "${INITRD-}" ] || add "$INITRD" initrd
if [ -n "${LAUNCHER-}" ]; then
	add "$LAUNCHER" bin/lguest
	chmod +x "$root/bin/lguest"
fi
[ "$RNG" = 0 ] || : >"$root/rng"
[ -z "${BALLOON-}" ] || echo "$BALLOON" >"$root/balloon"
if [ -n "${BLOCK-}" ]; then
	: >"$root/block"
	# To QEMU a comma begins an option, and a colon ends a protocol.
	set -- -drive "if=virtio,format=raw,file=$(realpath "$BLOCK" |
		sed 's/,/,,/g')"
fi
if [ -n "${NET-}" ]; then
	: >"$root/net"
	case $NET in
	user)	set -- "$@" -netdev user,id=net ;;
	*)	set -- "$@" -netdev "tap,id=net,ifname=$NET,script=no,downscript=no"
	esac
	set -- "$@" -device virtio-net-pci,netdev=net
fi
printf %s "${CMDLINE-}" >"$root/cmdline"
printf %s "$MEM" >"$root/mem"
# The serial line does not know how large the terminal is.
stty size 2>/dev/null | grep -v '^0' >"$root/size" || echo 24 80 >"$root/size"
pack
unlock_builds

say "Booting. The guest's poweroff leads back here; Ctrl-A x ends it at once."
append="loglevel=3 ${append-}"
limit=${TIMEOUT-}
ended=0
# While it is unpacked, all that is in the archive is in memory twice.
(qemu -m $((384 + MEM + 2 * $(stat -c %s "$root.cpio") / 1048576)) \
	-serial mon:stdio -serial "file:$work/status" "$@") || ended=$?
[ "$ended" != 124 ] || die "TIMEOUT: stopped after $TIMEOUT seconds"
[ "$ended" = 0 ] || die "QEMU failed, with $ended"
[ -s "$work/status" ] || die "the host did not boot"
! grep -q "^# stopped" "$work/status" || die "$(stopped "$work/status")"
grep -q '^status' "$work/status" ||
	die "the machine ended before the guest did, by Ctrl-A x or by itself"
grep -qx 'status 0' "$work/status" ||
	die "the Launcher did not end well: $(grep '^status' "$work/status")"
