#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-deb: makes the packages, installs them on a Debian 12, boots that in QEMU, where a
# user runs a guest; upgrades its kernel and the packages, and purges them.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"
. "$run/debian.sh"

pkgs_deb="build-essential debhelper dh-dkms bash-completion lintian $pkgs_debian
	ovmf sbsigntool openssl"
# A key whose certificate the firmware of OVMF's snakeoil machine has enrolled
key=/usr/share/ovmf/PkKek-1-snakeoil
place=$out/debian
boots='deb-boot deb-refused deb-secure'
system=$place/system

n=0
# try NAME COMMAND...
try() {
	n=$((n + 1))
	_name=$1
	shift
	if "$@" >"$place/said" 2>&1; then
		echo "ok $n $_name"
	else
		tail -n 60 "$place/said" | sed 's/^/# /'
		echo "not ok $n $_name"
	fi
}

not() { ! "$@"; }
in_system() { run_in_debian "$system" "$@"; }

# packages WHERE: its two packages, but not the debugger's
packages() {
	(cd "$system" && echo "./$1"/lguest_*.deb "./$1"/lguest-dkms_*.deb)
}

install_packages() {
	# shellcheck disable=SC2046 # two words
	in_system apt-get install -y --no-install-recommends $(packages "$1")
}

# The kernels in there have the module, at that version
have_module() {
	for _kernel in "$system"/lib/modules/*; do
		_module=$_kernel/updates/dkms/lg.ko
		[ "$(modinfo -F version "$_module")" = "$1" ] || return 1
	done
}

# so many kernels are there
has_kernels() {
	set -- "$1" "$system"/lib/modules/*
	[ $# = $(($1 + 1)) ]
}

lintian_has_nothing() {
	lintian --allow-root --pedantic "$place"/now/*.deb >"$place/lintian" 2>&1
	cat "$place/lintian"
	[ ! -s "$place/lintian" ]
}

# What packages have left, but for the group, which a file may belong to
nothing_is_left() {
	_left=$(cd "$system" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev \
		-o -path ./packages -o -path ./var/log -o -path ./var/cache \) -prune -o \
		\( -name '*lguest*' -o -name 'lg.ko*' -o -name 'lg.4*' \) -print)
	echo "$_left"
	[ -z "$_left" ]
}

# As a machine has them whose owner has enrolled DKMS's key
enroll_key() {
	openssl rsa -in $key.key -passin pass:snakeoil -out "$place/mok.key"
	openssl x509 -in $key.pem -outform DER -out "$place/mok.pub"
	as_root install -D -m 600 -t "$system/var/lib/dkms" "$place/mok.key" "$place/mok.pub"
}

# boot NAME PARAMETERS [QEMU-ARGUMENT...]: that Debian with its own kernel, from a disk. It
# begins in our initramfs, which has the driver for it.
boot() {
	_boot=$1 _parameters=$2
	shift 2
	as_root rm -f "$place/disk"
	truncate -s 4G "$place/disk"
	as_root mke2fs -q -t ext4 -O ^metadata_csum -d "$system" "$place/disk"
	rm -rf "$place/first" "$place/first.cpio"
	mkdir -p "$place/first/bin" "$place/first/new"
	cp "$(command -v busybox)" "$place/first/bin/busybox"
	cp -r "$host/modules/." "$place/first"
	cat >"$place/first/init" <<-'EOF'
	#!/bin/busybox sh
	/bin/busybox mkdir -p /proc /sys /dev
	/bin/busybox --install -s /bin
	mount -t proc proc /proc
	mount -t devtmpfs dev /dev
	for module in virtio_pci virtio_blk crc32c_generic ext4; do modprobe $module; done
	mount -t ext4 /dev/vda /new
	umount /proc
	mount --move /dev /new/dev
	exec switch_root /new /sbin/init
	EOF
	chmod 755 "$place/first/init"
	(cd "$place/first" && find . | cpio -o -H newc -R 0:0 --quiet) >"$place/first.cpio"
	(
		root=$place/first
		append="root=/dev/vda rw systemd.show_status=0 lg_boot=$_boot $_parameters"
		limit=
		: >"$out/$_boot.results"
		say "Booting $_boot"
		qemu -m 1024 -serial "file:$out/$_boot.log" -serial "file:$out/$_boot.results" \
			-drive "if=virtio,format=raw,file=$place/disk" "$@" </dev/null >&2 &
		attend 1200 "$out/$_boot.log" "$out/$_boot.results"
		finished "$_boot"
	)
	tr -d '\r' <"$out/$_boot.results" >"$out/$_boot.ktap"
	mv "$out/$_boot.ktap" "$out/$_boot.results"
}

# The same by a firmware that starts signed kernels alone
boot_secure() (
	mkdir -p "$place/signed"
	sbsign --key "$place/mok.key" --cert $key.pem --output "$place/signed/vmlinuz" \
		"$host/vmlinuz" >&2
	cp /usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd "$place/vars"
	cp -r "$host/modules" "$place/signed"
	host=$place/signed
	boot "$1" '' -machine q35,smm=on -global driver=cfi.pflash01,property=secure,value=on \
		-drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd \
		-drive "if=pflash,format=raw,unit=1,file=$place/vars"
)

# What is to run there, and for whom
prepare_boot() {
	in_system adduser --quiet --disabled-password --gecos '' alice
	in_system adduser --quiet --disabled-password --gecos '' bob
	in_system adduser --quiet alice lguest
	as_root install -m 755 "$run/job-deb" "$system/job"
	as_root install -m 644 "$guests/devices.elf" "$system/devices.elf"
	as_root tee "$system/etc/systemd/system/job.service" >/dev/null <<-'EOF'
	[Unit]
	Description=the test
	After=multi-user.target
	[Service]
	Type=oneshot
	ExecStart=/job
	StandardOutput=file:/dev/ttyS1
	ExecStopPost=/bin/systemctl --force --force poweroff
	[Install]
	WantedBy=default.target
	EOF
	in_system systemctl enable job.service
	as_root rm -f "$system/usr/sbin/policy-rc.d"
}

# shellcheck disable=SC2086 # a list of words
install_missing $pkgs_vm $pkgs_deb
PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$out"
for name in deb $boots; do : >"$out/$name.results"; done
build guests
get_debian
get_host 6.1
say "Installing packages on a Debian 12"
as_root rm -rf "$place"
mkdir -p "$place"
version=$(cat "$top/VERSION")
{
	echo '# begin deb'
	echo 'KTAP version 1'
	echo '1..17'
	try 'the packages are made' "$top/tools/deb.sh" "$place/now"
	try 'lintian has nothing to say' lintian_has_nothing
	try 'and those of a version to come' env DEB_VERSION="$version.1" \
		"$top/tools/deb.sh" "$place/later"
	unpack_debian "$system"
	as_root mkdir "$system/packages"
	as_root cp -r "$place/now" "$place/later" "$system/packages"
	(cd "$top" && tools/sources.sh | tar -c --null -T -) |
		as_root tee "$system/packages/source.tar" >/dev/null
	enroll_key >&2
	try 'they are installed' install_packages packages/now
	try 'on one kernel' has_kernels 1
	try 'which has the module' have_module "$version"
	prepare_boot >&2
} >"$out/deb.results"
boot deb-boot ''
boot deb-refused module.sig_enforce=1
boot_secure deb-secure
{
	# shellcheck disable=SC2086 # two words
	try 'the kernel is upgraded' in_system apt-get install -y --no-download \
		--no-install-recommends $upgrade
	try 'there are two' has_kernels 2
	try 'and both have the module' have_module "$version"
	try 'the packages are upgraded' install_packages packages/later
	try 'and with them both modules' have_module "$version.1"
	try 'of which DKMS has no other' not in_system test -e "/var/lib/dkms/lguest/$version"
	try 'they are purged' in_system apt-get purge -y lguest lguest-dkms
	try 'and nothing is left' nothing_is_left
	# shellcheck disable=SC2016 # for the other shell
	try 'make dkms-install' in_system sh -ec 'apt-get -y install --no-download dkms
		mkdir /lg && tar -x -C /lg -f /packages/source.tar
		cd /lg && make dkms-install KVER=$(cd /lib/modules && ls | head -n 1)'
	try 'make dkms-remove' in_system make -C /lg dkms-remove
	as_root rm -rf "$system/lg"
	try 'leaves nothing either' nothing_is_left
	echo '# end deb 0'
} >>"$out/deb.results"
as_root rm -rf "$place/disk" "$system"
# What the machines have said is a part of it. It is complete if they came to their ends.
_ends='# done'
for _boot in $boots; do
	grep -vx '# done' "$out/$_boot.results" >>"$out/deb.results" || :
	grep -qx '# done' "$out/$_boot.results" || _ends="# stopped: $_boot did not finish"
done
echo "$_ends" >>"$out/deb.results"
report deb
