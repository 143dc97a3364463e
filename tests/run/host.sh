# SPDX-License-Identifier: GPL-2.0
# Sourced after lib.sh: Debian's kernels that guests run on, and for each the
# headers and the compiler of its own release. Nothing of it is installed: an
# apt of our own fetches it, in the ways in which this machine fetches packages.
# What this file says is part of what names the result: see cached.
# shellcheck shell=sh disable=SC2034,SC2154 # variables of and for others

hosts='6.1 6.12 7.3'
# What the module is built for. Most machines run the first.
flavours='amd64 rt-amd64 cloud-amd64'

. "$run/linux.sh"
. "$run/modules.sh"

pkgs_host='debian-archive-keyring xz-utils zstd kmod sparse'
# A whole system's worth, for a chroot has nothing else
pkgs_chroot='?essential binutils make'
# What machines may load: for the user's own disk and network, to swap to, and to have disks
# that fail. Which others these need, the package knows, and which of them are built in.
host_modules='virtio_pci virtio_blk virtio_net bridge tun brd dm_mod dm_flakey ext4 crc32c_generic'

# machines COMMAND...: for each that the file has, and that MACHINES asks for
# with a pattern (or else, with one of Debian's kernels),
# COMMAND... NAME CPUS MODEL TESTS [KERNEL-PARAMETER...]
machines() {
	grep '^[0-9a-z]' "$run/machines" | while read -r _name _rest; do
		# shellcheck disable=SC2086 # a list of words
		! matches "$_name" "${MACHINES:-[0-9]*}" || "$@" "$_name" $_rest
	done
}

# matches WORD PATTERNS: one of them?
matches() (
	set -f
	# shellcheck disable=SC2254 # a pattern, as such
	for _pattern in $2; do
		case $1 in $_pattern) exit 0 ;; esac
	done
	exit 1
)

# The stages of test-qemu, like qemu-6.1-max
stages() {
	machines stage
}

stage() {
	echo "qemu-$1"
}

# in_suite HOST: sets release, and suite if another one has the kernel
in_suite() {
	case $1 in
	6.1)	release=bookworm suite= ;;
	6.12)	release=bookworm suite=bookworm-backports ;;
	7.3)	release=trixie suite=trixie-backports ;;
	*)	die "no host $1, only $hosts" ;;
	esac
}

sources() {
	printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' \
		http://deb.debian.org/debian \
		"$release $release-updates $suite" \
		/usr/share/keyrings/debian-archive-keyring.gpg \
		http://deb.debian.org/debian-security "$release-security" \
		/usr/share/keyrings/debian-archive-keyring.gpg
}

# Not a word to this machine's own programs of what we fetch
apt_conf() {
	cat <<-EOF
	#clear APT::Update::Pre-Invoke;
	#clear APT::Update::Post-Invoke;
	#clear APT::Update::Post-Invoke-Success;
	#clear APT::Architectures;
	APT::Architecture "amd64";
	APT::Default-Release "$suite";
	APT::Install-Recommends "false";
	APT::Sandbox::User "root";
	APT::Update::Error-Mode "any";
	Acquire::Languages "none";
	Dir::Cache::pkgcache "";
	Dir::Cache::srcpkgcache "";
	EOF
}

# apt DIR COMMAND...: apt-get or apt-cache, with DIR as all there is. Its status
# file says what counts as installed: nothing, so that what has to be fetched
# is complete.
apt() {
	_dir=$1 _command=$2
	shift 2
	"$_command" -c "$_dir/apt.conf" -o Dir="$_dir" \
		-o Dir::State::status="$_dir/status" "$@"
}

# newest DIR FLAVOUR: the kernel of that kind, like 6.1.0-56-amd64
newest() {
	apt "$1" apt-cache show --no-all-versions "linux-headers-$2" |
		sed -n 's/^Depends:.* linux-headers-\([0-9][^ ]*\).*/\1/p'
}

# What Debian has today for $release and $suite: its lists; kvers, a kernel of
# each flavour; kpkg, the version of their packages; headers, what to install to
# build for them; debs, what apt would fetch for that.
ask_debian() {
	say "Asking Debian for the kernel of ${suite:-$release}"
	mkdir -p "$1/etc/apt/preferences.d" "$1/etc/apt/sources.list.d" \
		"$1/var/lib/apt/lists/partial" "$1/var/cache/apt/archives/partial"
	sources >"$1/etc/apt/sources.list.d/debian.sources"
	apt_conf >"$1/apt.conf"
	: >"$1/status"
	apt "$1" apt-get -q update
	for _flavour in $flavours; do
		newest "$1" "$_flavour"
	done >"$1/kvers"
	apt "$1" apt-cache show --no-all-versions linux-headers-amd64 |
		sed -n 's/^Version: //p' >"$1/kpkg"
	sed 's/^/linux-headers-/' "$1/kvers" >"$1/headers"
	if [ "$(wc -l <"$1/kvers")" != "$(echo "$flavours" | wc -w)" ] ||
	   [ ! -s "$1/kpkg" ]; then
		die "cannot make out the newest kernels of ${suite:-$release}"
	fi

	# Some headers depend on their image, which is large and not needed.
	while read -r _kver; do
		printf 'Package: linux-image-%s\nVersion: %s\n' \
			"$_kver" "$(cat "$1/kpkg")"
		printf 'Architecture: amd64\nStatus: install ok installed\n\n'
	done <"$1/kvers" >"$1/status"
	chroot_debs "$1" apt-get install -y --print-uris | grep "^'" >"$1/debs"
}

# chroot_debs DIR COMMAND...: done with what the chroot is made of
chroot_debs() {
	# shellcheck disable=SC2046,SC2086 # lists of words
	apt "$@" $pkgs_chroot $(cat "$1/headers")
}

# ask HOST: sets, beside release and suite, today (the directory with the above,
# asked for once a day), kver and kpkg
ask() {
	in_suite "$1"
	today=$(cached debian "$1 $(date +%F) $(cat "$run/host.sh")" ask_debian)
	kver=$(head -n 1 "$today/kvers")
	kpkg=$(cat "$today/kpkg")
	case $kver in
	"$1".*)	;;
	*)	say "${suite:-$release} has moved on from $1 to $kver" ;;
	esac
}

# download DIR PACKAGE...: into DIR, of version $kpkg
download() (
	mkdir -p "$1"
	cd "$1" || exit
	shift
	for _package; do
		apt "$today" apt-get -qq download "$_package=$kpkg"
	done
)

# image_packages: what the kernel is made of: its image, and all that this needs and
# that is of the same version. Some are one package, others four.
image_packages() {
	apt "$today" apt-get install -y --print-uris \
		-o Dir::State::status=/dev/null "linux-image-$kver" |
		awk -v version="_${kpkg}_" 'index($2, version) {
			print substr($2, 1, index($2, "_") - 1) }'
}

# unpack_debs DIR: those in DIR/debs, into DIR/root, as dpkg would into a system
# with merged /usr
unpack_debs() {
	for _dir in bin lib lib64 sbin; do
		mkdir -p "$1/root/usr/$_dir"
		ln -s "usr/$_dir" "$1/root/$_dir"
	done
	for _deb in "$1"/debs/*.deb; do
		dpkg-deb --fsys-tarfile "$_deb" |
			tar -x -C "$1/root" --keep-directory-symlink
	done
	rm -r "$1/debs"
}

# keep_modules FROM TO: $host_modules and what they need, from below FROM to below
# TO, as the packages have them but not compressed. That one is missing is left to
# be said by who wants to load it.
keep_modules() {
	_lib=lib/modules/$kver
	/sbin/depmod -b "$1" "$kver"
	# Not a word to this machine's own settings
	for _module in $host_modules; do
		/sbin/modprobe -C /dev/null -d "$1" -S "$kver" --show-depends \
			"$_module" || :
	done | sed -n "s:^insmod .*/\($_lib/[^ ]*\).*:\1:p" | sort -u >"$1/keep"
	(cd "$1" && xargs cp --parents -t "$2" "$_lib/modules.order" \
		"$_lib"/modules.builtin*) <"$1/keep"
	find "$2" -name '*.xz' -exec xz -d {} +
	find "$2" -name '*.zst' -exec zstd -q -d --rm {} +
	/sbin/depmod -b "$2" "$kver"
}

# unpack_image DIR: the kernel and its modules
unpack_image() {
	mkdir "$1/image" "$1/modules"
	# shellcheck disable=SC2046 # a list of words
	download "$1/image/debs" $(image_packages)
	unpack_debs "$1/image"
	find "$1/image/root" -name 'vmlinuz*' -type f -exec mv {} "$1/vmlinuz" \;
	[ -s "$1/vmlinuz" ] || die "there is no kernel in linux-image-$kver"
	keep_modules "$1/image/root" "$1/modules"
	rm -r "$1/image"
}

unpack_host() {
	say "Fetching Linux $kver, and what it takes to build for it"
	unpack_image "$1"
	mkdir -p "$1/debs/partial"
	chroot_debs "$today" apt-get install -y -qq --download-only \
		-o Dir::Cache::archives="$1/debs"
	unpack_debs "$1"
	# What is left to scripts when packages are installed, and to be mounted
	ln -s mawk "$1/root/usr/bin/awk"
	mkdir -p "$1/root/dev" "$1/root/mnt" "$1/root/proc"
}

# unpack_flavour ROOT DIR: what is in $kver's own packages; ROOT has the rest
unpack_flavour() {
	say "Fetching Linux $kver"
	unpack_image "$2"
	ln -s "$1" "$2/root"
}

# get_host HOST [FLAVOUR]: sets what ask does, and host, a directory with vmlinuz; modules,
# a root for modprobe; and either root or, for one that is a kernel of our own, that
# one's tree
get_host() {
	if [ -e "$run/$1.config" ]; then
		get_own_host "$1"
		return
	fi
	ask "$1"
	_key="$(cat "$today/debs" "$run/host.sh")"
	host=$(cached host "$kver $_key" unpack_host)
	[ -n "${2-}" ] || return 0
	# One root has the headers of all of them.
	kver=$(grep -- "[0-9]-$2\$" "$today/kvers")
	host=$(cached host "$kver $_key" unpack_flavour "$host/root")
}
