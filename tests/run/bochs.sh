# SPDX-License-Identifier: GPL-2.0
# Sourced after vm.sh: machines in Bochs.
# shellcheck shell=sh disable=SC2034,SC2154 # variables of and for others

# Its ROMs, and what it takes to make a disk that it boots from
pkgs_bochs='bochsbios vgabios grub-pc-bin grub-common xorriso mtools'

# bochs_disk NAME [PARAMETER...]: the current initramfs with the host's kernel, on
# NAME.iso
bochs_disk() {
	_iso=$out/$1.iso-root _name=$1
	shift
	rm -rf "$_iso"
	mkdir -p "$_iso/boot/grub"
	cp "$host/vmlinuz" "$_iso"
	gzip -1 <"$root.cpio" >"$_iso/initrd"
	cat >"$_iso/boot/grub/grub.cfg" <<-EOF
	linux /vmlinuz console=ttyS0 quiet panic=-1 oops=panic $*
	initrd /initrd
	boot
	EOF
	grub-mkrescue -o "$out/$_name.iso" "$_iso" >"$out/$_name.build.log" 2>&1
	rm -rf "$_iso"
}

# bochs_vm NAME CPUS DISPLAY COMMAND...: runs NAME.iso unattended in the Bochs that
# COMMAND starts, until it is done or has been silent for long. Its results go to
# NAME.results, its words to NAME.log. It is commanded by standard input.
bochs_vm() {
	_name=$1
	cat >"$out/$1.rc" <<-EOF
	config_interface: textconfig
	display_library: $3
	romimage: file=/usr/share/bochs/BIOS-bochs-latest
	vgaromimage: file=/usr/share/vgabios/vgabios.stdvga.bin
	megs: 512
	cpu: model=corei7_skylake_x, count=$2, ips=100000000, reset_on_triple_fault=0
	clock: sync=none
	ata0-master: type=cdrom, path="$out/$1.iso", status=inserted
	boot: cdrom
	com1: enabled=1, mode=file, dev="$out/$1.log"
	com2: enabled=1, mode=file, dev="$out/$1.results"
	log: "$out/$1.own.log"
	panic: action=report
	error: action=report
	info: action=ignore
	debug: action=ignore
	EOF
	shift 3
	: >"$out/$_name.log"
	: >"$out/$_name.results"
	say "Booting $_name"
	# What runs in the background would have no standard input.
	exec 4<&0
	"$@" -q -f "$out/$_name.rc" <&4 >>"$out/$_name.build.log" 2>&1 &
	_machine=$!
	exec 4<&-
	while sleep 1; do
		grep -qx '# done' "$out/$_name.results" && break
		kill -0 $_machine 2>/dev/null || break
		grep -q 'Kernel panic' "$out/$_name.log" && break
		is_silent 1800 "$out/$_name.log" "$out/$_name.results" && break
	done
	# It does not always end by itself when its machine does.
	kill $_machine 2>/dev/null || :
	wait $_machine 2>/dev/null || :
	finished "$_name"
}
