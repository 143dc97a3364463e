# SPDX-License-Identifier: GPL-2.0
# Sourced after lib.sh: makes an initramfs, and boots QEMU with it.
# shellcheck shell=sh disable=SC2034,SC2154 # variables of and for others

. "$run/host.sh"

pkgs_vm="$pkgs_build $pkgs_host qemu-system-x86 busybox-static cpio"

# add FILE [NAME-IN-INITRAMFS]: adds it, with the libraries that it is linked to
add() {
	mkdir -p "$root/$(dirname "${2:-${1##*/}}")"
	cp -L "$1" "$root/${2:-${1##*/}}"
	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib; do
		mkdir -p "$root$(dirname "$lib")"
		cp -Lu "$lib" "$root$lib"
	done
}

# add_modules: adds the host's own, for modprobe
add_modules() {
	cp -r "$host/modules/." "$root"
}

# new_initramfs JOB-FILE GUEST..., pack: make one for $kver. The directory is $root,
# the archive $root.cpio, in $work if that is set.
new_initramfs() {
	root=${work:-$out}/${1##*/}
	rm -rf "$root" "$root.cpio"
	mkdir -p "$root"
	add "$(command -v busybox)" bin/busybox
	add "$run/init" init
	add "$run/steps" steps
	add "$1" job
	add "$out/$kver/lg.ko"
	add "$top/launcher/lguest" bin/lguest
	shift
	for g; do add "$g" "guests/${g##*/}"; done
}

# add_tests: adds the programs that /dev/lguest is tried by, and what they need, from
# the modules built for $kver
add_tests() {
	for p in "$top"/tests/host/build/*; do
		[ ! -f "$p" ] || add "$p" "tests/${p##*/}"
	done
	add "$run/suite" suite
	add "$out/$kver/tests/host/rcu_tasks.ko" tests/rcu_tasks.ko
	add "$run/shutdown-cases" tests/shutdown-cases
	add "$top/tests/guests/shutdown.cases" tests/shutdown.cases
	add "$top/tests/guests/fuzz.corpus" tests/fuzz.corpus
}

# Not compressed: that would take longer than it saves. The same files make the
# same archive.
pack() {
	strip -g "$root/lg.ko" "$root"/guests/*.elf
	(cd "$root" && find . -exec touch -h -d @0 {} + &&
		find . | LC_ALL=C sort |
		cpio -o -H newc -R 0:0 --reproducible --quiet) >"$root.cpio"
}

# How fast the machine's time goes. Otherwise the machine would measure that at
# boot, and be wrong by any factor if it had to wait for its processor meanwhile.
tsc_khz() {
	gcc -O2 -o "${work:-$out}/tsc-khz" "$run/tsc-khz.c"
	"${work:-$out}/tsc-khz"
}

# qemu ARGUMENT...: becomes the machine that all tests use, with $SMP processors of
# the model $CPU, for $limit seconds, with $append in the kernel's command line. Its
# terminal may be the user's.
# It stops at the first sign of trouble instead of limping on. A stuck CPU is such a
# sign only after two minutes, a stuck task after ten: emulators wait for their
# CPUs. Broadcast IPIs are off, since the kernel would patch itself whenever a CPU
# comes or goes, see tests/host/steady_keys.c. There is no keyboard, as it may
# complain on waking up.
# There is no CMPXCHG16B: with QEMU before 8.0, what interrupts a CPU right after it
# may find any flags, TF among them, and the kernel uses it wherever it allocates
# memory. There are no ERMS and FSRM: string instructions are emulated turn by turn.
# If a guest has executed at many addresses of a page, each turn of clearing that is
# so slow that a huge page takes minutes byte by byte, and half a minute by words.
# So init_on_alloc is off, too: it clears huge pages in one go, which looks like a
# stuck CPU, and their user clears them again. Besides, without it we see better
# whether our own memory is initialized.
qemu() {
	case ${ACCEL:=tcg} in
	tcg)	model=${CPU:-Skylake-Server,check=off},-cx16,-erms,-fsrm
		clock=tsc_early_khz=$(tsc_khz) ;;
	*)	model=${CPU:-host} clock= ;;
	esac
	exec ${limit:+timeout --foreground -k 60 $limit} \
		qemu-system-x86_64 -accel "$ACCEL" -cpu "$model" \
		-smp "${SMP:-2}" -nodefaults -display none -no-reboot \
		-kernel "$host/vmlinuz" -initrd "$root.cpio" \
		-append "console=ttyS0 no_console_suspend maxcpus=1 panic=-1 oops=panic softlockup_panic=1 \
hung_task_panic=1 sysctl.kernel.hung_task_timeout_secs=600 \
sysctl.kernel.panic_on_rcu_stall=1 log_buf_len=4M audit=0 \
watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=300 init_on_alloc=0 \
tsc=nowatchdog no_timer_check no_ipi_broadcast=1 i8042.nokbd i8042.noaux \
$clock ${append-}" "$@"
}

# is_silent SECONDS FILE...: has nobody written to any of them for so long? Then the
# machine hangs. One that is just slow has all the time that it takes.
is_silent() {
	_seconds=$1
	shift
	_last=$(stat -c %Y "$@" 2>/dev/null | sort -n | tail -n 1)
	[ $(($(date +%s) - _last)) -gt "$_seconds" ]
}

# attend SECONDS FILE...: waits until the machine in the background has ended, or
# has been silent for so long, and ends it then
attend() {
	_machine=$!
	while sleep 1 && kill -0 $_machine 2>/dev/null; do
		is_silent "$@" || continue
		say "Not a word from it for $1 seconds: it hangs"
		kill -9 $_machine || :
		break
	done
	wait $_machine || :
}

# vm NAME SECONDS: runs the current initramfs unattended, with $memory MB, until it
# has been silent for so long. Its results go to NAME.results, its words to
# NAME.log.
vm() {
	say "Booting $1"
	: >"$out/$1.results"
	limit=
	qemu -m "${memory:-768}" -serial "file:$out/$1.log" \
		-serial "file:$out/$1.results" </dev/null >&2 &
	attend "$2" "$out/$1.log" "$out/$1.results"
	finished "$1"
}

finished() {
	grep -qx '# done' "$out/$1.results" || {
		say "$1 did not finish; the end of its log:"
		tail -n 60 "$out/$1.log" >&2
		stopped "$out/$1.results" >&2
	}
}

# stopped RESULTS: the reason, if the machine told one
stopped() {
	tr -d '\r' <"$1" | sed -n 's/^# stopped: //p'
}
