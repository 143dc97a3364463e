#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make test-here [SECONDS=number] [SEED=number] [PARAMS=words] [TESTS=patterns]
# [KDIR=directory]: runs on this machine's own kernel, as root, what does not harm a
# machine that has other work; and fuzzers, for ten minutes and a quarter of that. Ends
# with a paragraph on the machine. PARAMS are lg.ko's, as for insmod.

. "$(dirname "$0")/lib.sh"
. "$run/vm.sh"
. "$run/steps"

# su does not always have these.
PATH=$PATH:/usr/sbin:/sbin

release=$(uname -r)
headers=${KDIR:-/lib/modules/$release/build}
seconds=${SECONDS_OF_FUZZ:-600}
seed=${SEED:-$(date +%s)}
cgroup=lg-test-here
# A compiler that warns of more than ours is no reason not to test.
export WERROR=
# What is looked for in the kernel's log: the module's own words, and bad news
signs='(^|[^a-z])lg: |\[lg\]|lguest|WARNING: |BUG: |Oops|INFO: |general protection'
signs="$signs|Call Trace|Hardware Error|stall"

# Says first why this can't be.
refuse_if_in_vain() {
	[ "$(uname -m)" = x86_64 ] || die "this is for x86-64"
	[ "$(id -u)" = 0 ] || die "only root can load a module: sudo make test-here"
	[ ! -e /sys/module/lg ] ||
		die "lg is loaded already; end its guests, and say: rmmod lg"
	[ ! -e /sys/module/rcu_tasks ] || die "first say: rmmod rcu_tasks"
	if grep -qs '\[\(integrity\|confidentiality\)\]' \
		/sys/kernel/security/lockdown ||
	   grep -qsx Y /sys/module/module/parameters/sig_enforce; then
		die "this kernel loads signed modules only, as it does under Secure" \
			"Boot. Turn that off in the firmware for as long as this takes"
	fi
	[ -z "${KDIR-}" ] || [ -e "$KDIR" ] || die "there is no $KDIR"
	for _cpu in 0 1; do
		grep -qs "^processor[[:space:]]*: $_cpu\$" /proc/cpuinfo ||
			die "some tests need two CPUs, 0 and 1"
	done
}

tell_first() {
	cat >&2 <<-END
	This tests lg on this machine, on the kernel that runs: $release. It will
	- install what is missing to build it (on Debian and its like, by apt),
	- build lg.ko, load it,
	- run guests and programs that try /dev/lguest, for some minutes, and then what
	  means harm, for $((seconds + seconds / 4)) s (SECONDS=$seconds, SEED=$seed);
	  meanwhile other work is slower,
	- unload lg.ko, and print a paragraph on this machine. Nothing is sent anywhere.
	It is part of the kernel meanwhile: A BUG IN IT CAN TAKE THIS MACHINE DOWN, with
	all that is not saved. ^C ends it at any time, and unloads lg.ko.
	END
}

# commands_are_there: what apt would see to
commands_are_there() {
	_missing=
	for _command in gcc busybox insmod unshare setsid; do
		command -v $_command >/dev/null || _missing="$_missing $_command"
	done
	echo 'int main(void) { return 0; }' >"$out/empty.c"
	for _bits in 32 64; do
		gcc -static -pthread -m$_bits -o "$out/empty" "$out/empty.c" \
			2>/dev/null ||
			_missing="$_missing static-libc-for-gcc--m$_bits"
	done
	[ -e "$headers" ] || _missing="$_missing headers-of-$release"
	[ -z "$_missing" ] || die "install by your distribution's means:$_missing"
}

get_packages() {
	if ! command -v apt-get >/dev/null; then
		commands_are_there
		return
	fi
	# Debian has two, and one would remove the other.
	command -v busybox >/dev/null && _busybox='' || _busybox=busybox-static
	# shellcheck disable=SC2086 # lists of words
	install_missing $pkgs_build $_busybox kmod util-linux
	[ -e "$headers" ] || install_missing "linux-headers-$release" || :
	[ -e "$headers" ] || die "no linux-headers-$release to be had: perhaps a newer" \
		"kernel is installed, and runs after a reboot; or say KDIR="
}

build_module() {
	say "Building lg.ko for $release"
	copy_sources here 'obj-m += tests/host/' tests/host
	make -C "$headers" M="$out/here" -j"$jobs" modules >"$out/here.log" 2>&1 || {
		tail -n 40 "$out/here.log" >&2
		die "that failed, all of it is in $out/here.log"
	}
}

# Leaves the machine as it was, however this ends.
clean_up() {
	trap '' HUP INT TERM
	[ -z "$tests" ] || kill -KILL "$tests" 2>/dev/null || :
	# What held the module may take a moment to die.
	for _module in rcu_tasks lg; do
		_tries=0
		while [ -e /sys/module/$_module ] && ! rmmod $_module 2>"$out/why"; do
			_tries=$((_tries + 1))
			[ $_tries -lt 120 ] || {
				say "$(cat "$out/why"); a reboot gets rid of it"
				break
			}
			sleep 0.5
		done
	done
	_dir=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)/$cgroup
	[ ! -d "$_dir" ] || find "$_dir" -depth -type d -exec rmdir {} \; || :
}

words_of_log() {
	dmesg | log_after "$mark" | grep -v 'lg: test-here: ' | grep -E "$signs"
}

load() {
	mark="lg: test-here: from $seed"
	echo "$mark" >/dev/kmsg
	tests=
	trap clean_up EXIT
	trap 'say "Interrupted"; exit 130' HUP INT TERM
	# shellcheck disable=SC2086 # a list of words
	insmod "$root/lg.ko" ${PARAMS-} || {
		words_of_log >&2 || :
		die "it can't be loaded"
	}
	(cd /sys/module/lg/parameters && grep . ./*) | sed 's|^\./||; s/:/=/' |
		tr '\n' ' ' >"$out/here.parameters"
	tainted=$(cat /proc/sys/kernel/tainted)
}

# Not in the terminal's foreground: ^C is for this script. The shell has what is in the
# background ignore it, which a Launcher should not inherit.
run_tests() {
	: >"$root/results"
	setsid env -i --default-signal=HUP,INT,QUIT,TERM PATH="$PATH" \
		seconds="$seconds" seed="$seed" parameters="${PARAMS-}" \
		signs="$signs" tainted="$tainted" cgroup="$cgroup" \
		unshare --mount --pid --fork --kill-child \
		chroot "$root" /bin/busybox sh /job </dev/null >>"$root/log" 2>&1 &
	tests=$!
	wait $tests || :
	tests=
}

# of_cpu NAME: what /proc/cpuinfo says
of_cpu() {
	sed -n "s/^$1[[:space:]]*: //p" /proc/cpuinfo | head -n 1
}

# words_like REGEX: those words on standard input, as one line
words_like() {
	tr ' ' '\n' | { grep -E "^($1)" || :; } | tr '\n' ' '
}

# Only these words of the command line: the others are nobody's business.
on_mitigations='mitigations=|no?pti|pti=|no_?spec|spec|ssbd=|l1tf=|mds=|mmio_|tsx|srbds='
on_mitigations="$on_mitigations|retbleed=|gather_|reg_file_|indirect_|its=|tsa=|vmscape="
on_mitigations="$on_mitigations|no(pcid|invpcid|smep|smap)|clearcpuid=|fred=|split_lock"
flags_of_interest='(hypervisor|pcid|invpcid|smep|smap|umip|la57|pku|fsgsbase|md_clear)$'
flags_of_interest="$flags_of_interest|(ibrs|ibpb|stibp|ibrs_enhanced|ibpb_.*|user_shstk)\$"

describe() {
	_commit=$(git -c safe.directory="$top" -C "$top" describe --always --dirty \
		2>/dev/null) || _commit='not of git'
	echo "lg $(cat "$top/VERSION") ($_commit), $(cat "$out/here.parameters")"
	echo "CPU: $(nproc) of $(of_cpu vendor_id)" \
		"$(of_cpu 'cpu family')/$(of_cpu model)/$(of_cpu stepping)," \
		"$(of_cpu 'model name'), microcode $(of_cpu microcode)"
	echo "Flags: $(of_cpu flags | words_like "$flags_of_interest")"
	echo "Kernel: $(uname -srv) $(words_like "$on_mitigations" </proc/cmdline)"
	for _file in /sys/devices/system/cpu/vulnerabilities/*; do
		echo "  ${_file##*/}: $(cat "$_file")"
	done
	echo "Tests: $(tail -n 1 "$out/here.ktap")," \
		"with $seconds s of fuzz from seed $seed"
	sed -n 's/^# failed: /  failed: /p' "$out/here.ktap"
	echo 'Log:'
	words_of_log | tail -n 20 | sed 's/^/  /'
}

refuse_if_in_vain
tell_first
mkdir -p "$out"
: >"$out/here.results"
get_packages
build launcher guests host-tests
build_module
kver=here
new_initramfs "$run/job-here" "$guests"/*.elf
add_tests
[ -z "${TESTS-}" ] || echo "$TESTS" >"$root/wanted"
load
run_tests
clean_up
trap - EXIT HUP INT TERM
mv "$root/results" "$out/here.results"
status=0
report here >"$out/here.ktap" || status=$?
cat "$out/here.ktap"
describe >"$out/here.report"
echo
cat "$out/here.report"
say "Please send this paragraph to the project's issue tracker (it is in" \
	"$out/here.report). The tests' own words are in $out/here.results"
exit $status
