# SPDX-License-Identifier: GPL-2.0
# Sourced by lib.sh: tells of progress while the cache is filled, which takes
# minutes.
# shellcheck shell=sh disable=SC2154 # variables of others

# to_fetch KIND: what to fetch from Debian's archive for such an entry, as apt's
# --print-uris has it: address, name, size
to_fetch() {
	case $1 in
	host)	cat "$today/debs"
		apt "$today" apt-get install -y --print-uris \
			-o Dir::State::status=/dev/null "linux-image-$kver" |
			grep -F "_${kpkg}_" ;;
	uml | debug | kcsan)
		apt "$today" apt-get download --print-uris \
			"linux-source-$(echo "$kver" | cut -d . -f 1,2)=$kpkg" ;;
	esac
}

# usual_time KIND: how long the rest takes, on two of today's processors that have
# nothing else to do
usual_time() {
	case $1 in
	host)	echo 'unpacking it takes a minute' ;;
	uml)	echo 'building a kernel of it takes some 5 min' ;;
	*)	echo 'building a kernel of it takes some 20 min' ;;
	esac
}

# megabytes FIELD: adds up the bytes in this field of standard input
megabytes() {
	awk -v field="$1" '$field ~ /^[0-9]+$/ { n += $field }
		END { printf "%.0f\n", n / 1e6 }'
}

# announce KIND: says how much there is to fetch, and sets megabytes
announce() {
	megabytes=$(to_fetch "$1" 2>/dev/null | megabytes 3)
	[ "$megabytes" = 0 ] ||
		say "There are $megabytes MB to fetch; $(usual_time "$1")."
}

# watch KIND DIR: writes over and over one line that says how far that is. What was
# fetched goes away when it has been unpacked.
watch() {
	_had=0 _most=0
	while sleep 2 3>&-; do
		_has=$(find "$2" -path '*/debs/*' -type f -printf '%s\n' |
			megabytes 1)
		if [ "$_has" -gt "$_most" ]; then
			_most=$_has
		elif [ "$_has" = 0 ]; then
			_had=$((_had + _most)) _most=0
		fi
		_line="$((_had + _most)) of $megabytes MB fetched"
		if [ "$1" != host ] && [ $_had != 0 ]; then
			_line="$(find "$2" -name '*.o' | wc -l) files compiled"
		fi
		printf '\r%-40s' "$_line" >&3
	done 2>/dev/null
}

# begin_progress KIND DIR, end_progress: call these around what fills DIR
begin_progress() {
	watcher=
	announce "$1"
	if [ "$megabytes" != 0 ] && [ -t 3 ]; then
		watch "$1" "$2" >/dev/null &
		watcher=$!
	fi
}

end_progress() {
	[ -n "$watcher" ] || return 0
	kill "$watcher" 2>/dev/null || :
	watcher=
	printf '\r%-40s\r' '' >&3
}
