#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-launcher [CASES=number] [SEED=number]: what does launcher/lguest say of kernels
# that can't be guests, and what do its own parts do (tests/launcher)? It needs no lg.ko for
# either. So many kernels are mangled, from that seed on.

. "$(dirname "$0")/lib.sh"

images=$out/launcher-images
# Where its absence ends a kernel that could be a guest
no_device=$images/no-device
could_be="no-device: No such file"

# put FILE OFFSET BYTES: the bytes as printf has them
put() {
	# shellcheck disable=SC2059 # a format indeed
	printf "$3" | dd of="$1" bs=1 seek="$(($2))" conv=notrunc 2>/dev/null
}

# bzimage FILE VERSION [XLOADFLAGS]: as much of one as a boot loader looks at
bzimage() {
	truncate -s 64K "$1"
	put "$1" 0x1f1 '\001'			# setup_sects
	put "$1" 0x1fe '\125\252\353\146HdrS'	# boot_flag, jump, header
	put "$1" 0x206 '\014\002'		# version 2.12
	put "$1" 0x20e '\200\001'		# kernel_version
	put "$1" 0x211 '\001'			# loadflags: LOADED_HIGH
	put "$1" 0x214 '\000\000\020\000'	# code32_start
	put "$1" 0x236 "${3:-\\000}\\000"	# xloadflags
	put "$1" 0x380 "$2 (somebody@somewhere) #1 SMP\\000"
}

# vmlinux FILE FLAG STRING...: an executable file with these strings in it
vmlinux() {
	_file=$1 _flag=$2
	shift 2
	{
		echo '.globl _start; _start: nop'
		printf '.asciz "%s"\n' "$@"
	} | gcc "$_flag" -nostdlib -static -Wl,-Ttext=0x200000 \
		-Wl,--build-id=none -x assembler -o "$_file" -
}

n=0
# result STATUS NAME
result() {
	n=$((n + 1))
	[ "$1" = 0 ] && _not='' || _not='not '
	echo "${_not}ok $n $2"
}

# expect IMAGE REGEX NAME [OPTION...]: the Launcher's last word
expect() {
	_image=$images/$1 _regex=$2 _name=$3
	shift 3
	timeout -k 10 600 "$top/launcher/lguest" --device="$no_device" -m 16 "$@" "$_image" \
		>"$images/said" 2>&1 </dev/null && _status=0 || _status=$?
	if [ "$_status" = 1 ] && tail -n 1 "$images/said" | grep -q "$_regex"; then
		result 0 "$_name"
	else
		sed 's/^/# /' "$images/said"
		echo "# status $_status, expected: $_regex"
		result 1 "$_name"
	fi
}

# expect_none IMAGE NAME: a kernel that may run
expect_none() {
	expect "$1" "$could_be" "$2"
	_bad=0
	[ "$(wc -l <"$images/said")" = 1 ] || _bad=1
	result "$_bad" "$2, no warning"
}

cases() {
	bzimage "$images/b30" 2.6.30.10
	bzimage "$images/b31" 2.6.31
	bzimage "$images/b319" 3.19.0-031900-generic
	bzimage "$images/b40" 4.0.0
	bzimage "$images/b413" 4.13.16-1.slh.4-aptosid-686
	bzimage "$images/b4990" 4.9.337
	bzimage "$images/b414" 4.14.0
	bzimage "$images/b6" 6.1.0-57-686-pae
	bzimage "$images/b64" 4.9.0 '\001'
	bzimage "$images/b-unsaid" ''
	bzimage "$images/b-cut" 3.11.0
	put "$images/b-cut" 0x1f4 '\000\020'	# syssize: 64 KiB, behind the setup
	expect b30 '2.6.30.10 is too old: lguest runs 2.6.31 to 4.13' 'bzImage, 2.6.30'
	expect_none b31 'bzImage, 2.6.31'
	expect_none b319 'bzImage, 3.19'
	expect_none b40 'bzImage, 4.0'
	expect_none b413 'bzImage, 4.13'
	expect_none b4990 'bzImage, 4.9.337'
	expect b414 '4.14.0 is too new' 'bzImage, 4.14'
	expect b6 '6.1.0-57-686-pae is too new' 'bzImage, 6.1'
	expect b64 'a 64-bit kernel: lguest runs 32-bit ones' 'bzImage, 64-bit'
	expect_none b-unsaid 'bzImage of no version'
	expect b-cut 'b-cut: file is cut short' 'bzImage, cut short'

	vmlinux "$images/v64" -m64 'Linux version 4.9.0 (x)' lguest
	vmlinux "$images/v30" -m32 'Linux version 2.6.30 (x)' lguest
	vmlinux "$images/v311" -m32 'Linux version 3.11.10 (x)' lguest
	vmlinux "$images/v-other" -m32 'Linux version 3.11.10 (x)' lguests
	vmlinux "$images/v414" -m32 'Linux version 4.14.2-rc1 (x)' lguest
	vmlinux "$images/v-long" -m32 \
		"Linux version 2.6.30\\033$(printf '%0100d' 0)" lguest
	vmlinux "$images/v-other-banner" -m32 'Linux version of it' 'Linux version '
	vmlinux "$images/v-second-banner" -m32 'Linux version %s' \
		'Linux version 2.6.29 (x)' lguest
	vmlinux "$images/v-none" -m32 'Something else'
	expect v64 'a 64-bit kernel or program: lguest runs 32-bit kernels' 'vmlinux, 64-bit'
	expect v30 '2.6.30 is too old' 'vmlinux, 2.6.30'
	expect_none v311 'vmlinux, 3.11'
	expect v-other '3.11.10 was built without CONFIG_LGUEST_GUEST' \
		'vmlinux, not a guest'
	expect v414 '4.14.2-rc1 is too new' 'vmlinux, 4.14'
	expect v-long 'Linux 2.6.30 is too old' 'vmlinux with more than a version'
	expect_none v-other-banner 'vmlinux that only speaks of Linux'
	expect v-second-banner 'Linux 2.6.29 is too old' 'vmlinux that speaks of it first'
	expect_none v-none 'vmlinux that is not Linux'

	echo '.globl _start; _start: nop' | gcc -m32 -nostdlib -static \
		-Wl,--build-id=none -x assembler -o "$images/program" -
	expect program 'needs more memory than 16 MB.*is it a kernel?' '32-bit program'
}

# header: a program header, of a segment of 13 MB
header() {
	printf '\001\000\000\000\000\000\000\000\000\000\040\000\000\000\040\000'
	printf '\000\000\320\000\000\000\320\000\005\000\000\000\000\020\000\000'
}

# What nobody makes by mistake
hostile_cases() {
	bzimage "$images/b-wraps" 3.11.0
	put "$images/b-wraps" 0x258 '\000\000\360\377\377\377\377\377'	# pref_address
	put "$images/b-wraps" 0x260 '\000\000\040\000'	# init_size: 2 MB, to behind 2^64
	expect b-wraps 'needs [0-9]* MB of memory, the guest has 16' \
		'bzImage that ends behind all addresses'

	bzimage "$images/b-entry" 3.11.0
	put "$images/b-entry" 0x214 '\000\020\000\000'	# code32_start: the command line
	expect b-entry 'nothing is loaded at its entry point, 0x1000' 'bzImage, entry point'

	vmlinux "$images/v-headers" -m32 'Something else'
	truncate -s 16M "$images/v-headers"
	put "$images/v-headers" 28 '\000\000\000\001'	# e_phoff: 16 MB
	put "$images/v-headers" 44 '\377\377'		# e_phnum
	header >"$images/header"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
		cat "$images/header" "$images/header" >"$images/headers"
		mv "$images/headers" "$images/header"
	done
	cat "$images/header" >>"$images/v-headers"
	expect v-headers 'segments overlap' 'vmlinux with 65,535 times the same segment'
}

file_cases() {
	mkfifo "$images/pipe"
	ln -s /dev/zero "$images/zero"
	: >"$images/nothing"
	truncate -s 17M "$images/large"
	expect . 'not a regular file' 'a directory as the kernel'
	expect zero 'not a regular file' 'a character device as the kernel'
	expect pipe 'not a regular file' 'a pipe as the kernel'
	expect nothing 'too small to be a kernel' 'an empty file as the kernel'
	expect none 'No such file' 'no kernel'
	for _initrd in .:'not a regular file' zero:'not a regular file' \
		pipe:'not a regular file' nothing:'is empty' none:'No such file' \
		large:'does not fit above the kernel in 16 MB'; do
		expect b319 "${_initrd#*:}" "initrd: ${_initrd%:*}" \
			--initrd="$images/${_initrd%%:*}"
	done
}

# disk NAME BYTES [OFFSET]: a file with these bytes, as printf has them
disk() {
	truncate -s 64K "$images/$1"
	put "$images/$1" "${3:-0}" "$2"
}

# expect_disk FILE[OPTIONS] REGEX NAME
expect_disk() {
	expect b319 "$2" "disk: $3" --block="$1"
}

disk_cases() {
	disk raw 'anything'
	mkfifo "$images/fifo"
	: >"$images/empty"
	expect_disk "$images/raw" "$could_be" 'a raw image'
	expect_disk "$images/raw,ro" "$could_be" 'a raw image, read-only'
	expect_disk "$images" 'no file and no block device' 'a directory'
	expect_disk "$images,ro" 'no file and no block device' 'a directory, read-only'
	expect_disk /dev/zero 'no file and no block device' 'a character device'
	expect_disk "$images/fifo" 'no file and no block device' 'a pipe'
	expect_disk "$images/empty" 'is empty' 'an empty file'
	expect_disk "$images/none" 'No such file' 'no file'

	disk qcow2 'QFI\373\000\000\000\003'
	disk vmdk 'KDMV'
	disk vdi '\177\020\332\276' 64
	disk vhd 'conectix' $((65536 - 512))
	disk gz '\037\213\010'
	disk xz '\3757zXZ\000'
	expect_disk "$images/qcow2" 'is a qcow2 image.*",format=qcow2", or ",format=raw"' 'qcow2'
	expect_disk "$images/qcow2,ro" 'is a qcow2 image' 'qcow2, read-only'
	expect_disk "$images/qcow2,format=raw" "$could_be" 'qcow2 as a raw image'
	expect_disk "$images/qcow2,format=raw,ro" "$could_be" 'the same, read-only'
	expect_disk "$images/vmdk" 'is a VMDK image.*format=vmdk' 'VMDK'
	expect_disk "$images/vdi" 'is a VDI image.*format=vdi' 'VDI'
	expect_disk "$images/vhd" 'is a VHD image.*format=vpc' 'VHD'
	expect_disk "$images/gz" 'compressed by gzip (append ",format=raw"' 'gzip'
	expect_disk "$images/xz" 'compressed by xz' 'xz'
	expect_disk "$images/raw,snapshot" "$could_be" 'snapshot'
	expect b319 "in use by another guest or program" 'disk: the same twice' \
		--block="$images/raw,ro" --block="$images/raw"
}

# nbd_cases: images that qemu-nbd reads, and servers
nbd_cases() {
	qemu-img create -q -f qcow2 "$images/real" 1M
	expect_disk "$images/real,format=qcow2" "$could_be" 'a real qcow2 image'
	expect_disk "$images/real,format=qcow2,ro" "$could_be" 'the same, read-only'
	expect_disk "$images/real,snapshot,format=qcow2" "$could_be" 'the same, snapshot'
	expect_disk "$images/real,format=vdi" 'qemu-nbd: .*VDI' 'qcow2 as VDI'
	expect_disk "$images/real,format=nbd" 'format=nbd: want raw, qcow2' 'no format of images'
	expect_disk "$images/vmdk,format=vmdk" 'may name other files.*backing' 'VMDK, names'
	expect_disk "$images/none,format=qcow2" 'none: No such file' 'qcow2, no file'
	expect_disk "$images/fifo,format=qcow2" 'no file and no block device' 'qcow2, a pipe'
	expect b319 'qemu-nbd: .*lock' 'disk: the same qcow2 image twice' \
		--block="$images/real,format=qcow2" --block="$images/real,format=qcow2"
	expect_disk "nbd+unix:///?socket=$images/none" 'No such file' 'no NBD server'
	expect_disk 'nbds://localhost/' 'there is no TLS here' 'an NBD server with TLS'
	expect_disk 'nbd://localhost/,format=raw' 'format= is for files' \
		'an NBD server with a format'
	mkdir "$images/bin" "$images/lib"
	for _program in timeout tail grep sed; do
		ln -s "$(command -v $_program)" "$images/bin"
	done
	_path=$PATH PATH=$images/bin
	expect_disk "$images/real,format=qcow2" \
		'needs qemu-nbd, which is not there (apt install qemu-utils)' 'no qemu-nbd'
	PATH=$_path
	# In place of the real one. Only such a disk needs it.
	: >"$images/lib/libnbd.so.0"
	export LD_LIBRARY_PATH="$images/lib"
	expect_disk "$images/real,format=qcow2" 'needs libnbd (apt install libnbd0)' 'no libnbd'
	expect_disk "$images/raw" "$could_be" 'raw, no libnbd'
	unset LD_LIBRARY_PATH
}

# with_meminfo FILE LAUNCHER-ARGUMENT...: on a host whose /proc/meminfo is that
with_meminfo() {
	_meminfo=$1
	shift
	# shellcheck disable=SC2016 # for the other shell
	unshare -rm sh -c 'mount --bind "$1" /proc/meminfo && shift && exec "$@"' sh \
		"$_meminfo" timeout 600 "$top/launcher/lguest" --device="$no_device" "$@" \
		>"$images/said" 2>&1 </dev/null || :
	grep -q "$could_be" "$images/said"
}

# warns NUMBER NAME: so many MB are available, or - if it says nothing
warns() {
	_bad=0
	if [ "$1" = - ]; then
		[ "$(wc -l <"$images/said")" = 1 ] || _bad=1
	else
		grep -qF "may use 64 MB, and $1 MB are available" "$images/said" || _bad=1
	fi
	[ $_bad = 0 ] || sed 's/^/# /' "$images/said"
	result $_bad "$2"
}

# What the host has, where one may say so
memory_cases() {
	echo 'MemAvailable:   65535 kB' >"$images/little"
	echo 'MemAvailable:   65536 kB' >"$images/enough"
	echo 'MemFree:   1 kB' >"$images/unsaid"
	if ! with_meminfo "$images/enough" -m 64 "$images/b319"; then
		echo "# no mount namespace here: what the host has is not tested"
		return
	fi
	warns - 'memory: the host has enough'
	with_meminfo "$images/little" -m 64 "$images/b319"
	warns 63 'memory: the host has less'
	with_meminfo "$images/unsaid" -m 64 "$images/b319"
	warns - 'memory: the host does not say'
}

# expect_exec INITRD REGEX NAME. What has no end has 1 GB.
expect_exec() {
	_status=0
	timeout -k 10 600 prlimit --as=$((1 << 30)) "$top/launcher/lguest" exec --initrd="$1" \
		"$images/b319" -- true >"$images/said" 2>&1 </dev/null || _status=$?
	if [ "$_status" = 1 ] && grep -q "$2" "$images/said"; then
		result 0 "exec, $3"
	else
		sed 's/^/# /' "$images/said"
		result 1 "exec, $3"
	fi
}

option_cases() {
	expect b319 "$could_be" '--balloon' --balloon
	expect b319 "$could_be" '--balloon=SIZE' --balloon=8M
	expect b40 "$could_be" '--balloon=SIZE, on a PCI bus' --balloon=16
	expect b319 'balloon=17: the guest has less RAM' '--balloon, too much' --balloon=17
	expect b319 'balloon=x: want a number' '--balloon, no number' --balloon=x
	expect b319 'balloon=0: a guest has 1 MB' '--balloon, nothing' --balloon=0
	expect b319 'one --balloon is all' '--balloon twice' --balloon --balloon=8
	expect b319 "$could_be" '--no-hugepages' --no-hugepages
	_status=1
	! "$top/launcher/lguest" help >"$images/said" || ! grep -q '^Usage' "$images/said" ||
		_status=0
	result "$_status" 'lguest help'
	_status=1
	"$top/launcher/lguest" strat web 2>"$images/said" ||
		! grep -q 'strat: no such file, nor a command' "$images/said" || _status=0
	result "$_status" 'a command that is mistyped'
	expect_exec /dev/zero 'not a regular file' 'a device as initial RAM disk'
	expect_exec "$images/fifo" 'not a regular file' 'a pipe as initial RAM disk'
	expect_exec "$images/none" 'No such file' 'no initial RAM disk'
}

# expect_share OPTION REGEX NAME
expect_share() {
	expect b319 "$2" "--share, $3" --share="$1"
}

share_cases() {
	expect_share "$images/none" 'No such file' 'of nothing'
	expect_share "$images/raw" 'that is no directory' 'of a file'
	expect_share "$images,rw" 'neither tag= nor ro' 'what else'
	_long=$(printf %033d 0)
	if ! PATH=$PATH:/usr/sbin:/sbin command -v diod >/dev/null; then
		expect_share "$images" 'apt install diod' 'no server'
		return
	fi
	expect_share "$images,tag=" 'a tag of 1 to 32' 'no tag'
	expect_share "$images,tag=$_long" 'a tag of 1 to 32' 'a long tag'
	expect b319 'another has the tag host' '--share, a tag twice' \
		--share="$images" --share="$images,ro"
	expect b319 "$could_be" '--share, two directories' \
		--share="$images" --share="$images,ro,tag=second"
}

# in_network SETUP USER COMMAND...: on a host with no other network than SETUP makes
in_network() {
	_setup=$1 _user=$2
	shift 2
	# shellcheck disable=SC2016 # for the other shell
	unshare -nm sh -ec 'PATH=$PATH:/sbin:/usr/sbin
		mount -t sysfs sysfs /sys
		mount -t tmpfs tmpfs /dev/net
		mknod -m 666 /dev/net/tun c 10 200
		'"$_setup"'
		exec setpriv --reuid '"$_user"' --regid '"$_user"' --clear-groups "$@"' sh "$@"
}

# expect_tap SETUP USER REGEX NAME [OPTION...]
expect_tap() {
	_setup=$1 _user=$2 _regex=$3 _name=$4
	shift 4
	_status=0
	in_network "$_setup" "$_user" "$top/launcher/lguest" --device="$no_device" -m 16 \
		--net=t0 "$@" "$images/b319" >"$images/said" 2>&1 </dev/null || _status=$?
	if [ "$_status" = 1 ] && tail -n 1 "$images/said" | grep -q -e "$_regex"; then
		result 0 "--net=TAP, $_name"
	else
		sed 's/^/# /' "$images/said"
		result 1 "--net=TAP, $_name"
	fi
}

network_cases() {
	expect b319 'want user, or an interface name of 1 to 15' '--net, no name' --net=
	expect b319 "'forward=1:2' is no option of a tap" '--net=TAP, forward=' --net=t0,forward=1:2
	expect b319 "'ip=1' is no option of user" '--net=user, ip=' --net=user,ip=1
	expect b319 'forward=x: want' '--net=user, no port' --net=user,forward=x
	if ! in_network 'ip tuntap add dev t0 mode tap' 0 true 2>"$images/said"; then
		sed 's/^/# no tap interfaces here: /' "$images/said"
		return
	fi
	expect_tap 'ip tuntap add dev t0 mode tap' 0 "$could_be" 'root'
	expect_tap 'ip tuntap add dev t0 mode tap user 1234' 1234 "$could_be" 'its user'
	expect_tap 'ip tuntap add dev t0 mode tap' 0 'another program has it open' 'twice' --net=t0
	expect_tap 'ip tuntap add dev t0 mode tap user 4321' 1234 \
		"it is user 4321's, not yours: sudo ip tuntap del dev t0 mode tap && sudo ip tuntap add dev t0 mode tap user 1234" \
		"another user's"
	expect_tap : 1234 'only root can make it: sudo ip tuntap add dev t0 mode tap user 1234' \
		'none, as a user'
	expect_tap 'ip tuntap add dev t0 mode tap multi_queue user 1234' 1234 \
		'a tap multi_queue, want a tap: sudo ip tuntap del dev t0 mode tap multi_queue &&' \
		'of many queues'
	expect_tap 'ip tuntap add dev t0 mode tun' 0 'as a tun, want a tap: ' 'a tun interface'
	expect_tap 'ip link add t0 type bridge' 0 'that is no tap interface' 'a bridge'
}

# new_machine: $machine, with the files that "lguest check" looks at where a guest can run
new_machine() {
	machine=$images/machine
	rm -rf "$machine"
	mkdir -p "$machine/sys/module/lg/parameters" "$machine/sys/hypervisor" \
		"$machine/sys/kernel/security" "$machine/modules/$(uname -r)" \
		"$machine/sys/devices/system/cpu/vulnerabilities"
	printf 'model name\t: one of ours\nflags\t\t: fpu vme\n' >"$machine/cpuinfo"
	echo 1.0 >"$machine/sys/module/lg/version"
	: >"$machine/device"
}

# expect_check STATUS REGEX NAME: on that machine
expect_check() {
	_status=0
	# shellcheck disable=SC2016 # for the other shell
	unshare -rm sh -ec 'mount --bind "$1/cpuinfo" /proc/cpuinfo
		mount --bind "$1/sys" /sys
		mount --bind "$1/modules" /lib/modules
		[ ! -e "$1/no-namespaces" ] || echo 0 >/proc/sys/user/max_user_namespaces
		exec "$2" check --device="$1/device"' sh "$machine" \
		"$top/launcher/lguest" >"$images/said" 2>&1 || _status=$?
	if [ $_status = "$1" ] && grep -q "$2" "$images/said"; then
		result 0 "check: $3"
	else
		sed 's/^/# /' "$images/said"
		result 1 "check: $3"
	fi
}

check_cases() {
	# A chroot may be without. What is mounted there is seen by nobody else.
	as_root mkdir -p /lib/modules
	new_machine
	expect_check 0 '^Guests can run here' 'all is there'
	expect_check 0 '^ok .*lg 1.0 is loaded' 'the module'
	expect_check 0 '^ok .*net=user *[^ ]*/passt' 'passt'
	: >"$machine/no-namespaces"
	expect_check 0 'note *--net=user *but passt needs a namespace' 'no namespaces for passt'
	rm "$machine/no-namespaces"
	echo 'Mitigation: PTI' >"$machine/sys/devices/system/cpu/vulnerabilities/meltdown"
	echo Y >"$machine/sys/module/lg/parameters/ibpb"
	expect_check 0 'exit pays for meltdown, with a barrier' 'mitigations'
	sed -i 's/vme/vme hypervisor ibt/' "$machine/cpuinfo"
	expect_check 0 'note *CPU *has IBT' IBT
	expect_check 0 'note *below' 'a hypervisor'
	sed -i 's/vme/vme fred/' "$machine/cpuinfo"
	expect_check 1 'NO .*FRED is active.*fred=off' FRED
	sed -i 's/fred/tdx_guest/' "$machine/cpuinfo"
	expect_check 1 'NO .*TDX guest' TDX

	new_machine
	echo PV >"$machine/sys/hypervisor/guest_type"
	expect_check 1 'NO *Xen' 'Xen PV'
	new_machine
	rm "$machine/device"
	expect_check 1 'NO *device' 'no device'
	new_machine
	rm -r "$machine/sys/module/lg"
	expect_check 1 'install linux-headers-' 'no headers'
	mkdir "$machine/modules/$(uname -r)/build"
	expect_check 1 'not built for this kernel: install lguest-dkms' 'not built'
	echo 'updates/dkms/lg.ko:' >"$machine/modules/$(uname -r)/modules.dep"
	expect_check 1 'not loaded: sudo modprobe lg' 'not loaded'
	echo 'none [integrity] confidentiality' >"$machine/sys/kernel/security/lockdown"
	expect_check 1 'signed modules alone' lockdown
}

# parts: the programs of tests/launcher, whose results become ours. CASES and SEED are of
# the images.
parts() {
	for _program in pci lguest_bus "fuzz 200" balloon memory disk exec nbd net tap passt p9 \
		p9_server sandbox \
		"image_fuzz ${CASES:-2000} ${SEED:-1} $images/[bv][0-9]* $guests/*.elf"; do
		# shellcheck disable=SC2086 # a program and its arguments
		"$top"/tests/launcher/build/$_program >"$images/said" 2>&1 || :
		grep -q '^\(not \)\?ok ' "$images/said" || result 1 "$_program"
		while read -r _line; do
			case $_line in
			'ok '*)	result 0 "${_line#ok * }" ;;
			'not ok '*)	result 1 "${_line#not ok * }" ;;
			'# '*)	echo "$_line" ;;
			esac
		done <"$images/said"
		! grep -q 'ERROR: \|runtime error: ' "$images/said" ||
			sed 's/^/# /' "$images/said"
	done
}

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_build diod passt iproute2 procps util-linux
mkdir -p "$out"
: >"$out/launcher.results"
build launcher guests launcher-tests
rm -rf "$images"
mkdir "$images"
{
	echo '# begin launcher'
	{ cases; hostile_cases; file_cases; disk_cases; nbd_cases; memory_cases; option_cases
		share_cases; network_cases; check_cases; parts; } >"$images/cases"
	echo 'KTAP version 1'
	echo "1..$(grep -c '^\(not \)\?ok ' "$images/cases")"
	cat "$images/cases"
	echo '# end launcher 0'
	echo '# done'
} >"$out/launcher.results"
report launcher
