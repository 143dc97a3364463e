# SPDX-License-Identifier: GPL-2.0
# Sourced after host.sh: runs the stages of a test, one after the other. Says how
# each went, how far that is, and how long the others will take, by what they took
# the last time.
# shellcheck shell=sh disable=SC2154 # variables of others

# The seconds that each stage took. Nothing depends on them.
took=$cache/seconds-of-${0##*/}

# run_stage STAGE: leaves its results in STAGE.results
run_stage() {
	case $1 in
	qemu-*)	MACHINES=${1#qemu-} "$run/test-qemu.sh" ;;
	# Some of it: the rest takes many minutes.
	pcid-*)	SEEDS=${1#pcid-} TESTS="pcids guest-paging at-once guest-boot* \
guest-hypercalls guest-traps-pae requests backing" "$run/test-pcid.sh" ;;
	*)	"$run/test-$1.sh" ;;
	esac
}

# guess STAGE: the seconds of a stage that has not run here yet
guess() {
	case $1 in
	qemu-6.1 | qemu-6.1-max | qemu-6.12 | qemu-7.3-max) echo 600 ;;
	qemu-*)	echo 200 ;;
	kunit)	echo 300 ;;
	style)	echo 60 ;;
	*)	echo 300 ;;
	esac
}

# seconds_of STAGE: prints nothing if that file does not have them, or makes no
# sense
seconds_of() {
	[ ! -e "$took" ] || awk -v stage="$1" '
		$1 == stage && NF == 2 && $2 ~ /^[0-9]+$/ && $2 < 1000000 {
			seconds = $2 + 0
		}
		END { print seconds }' "$took"
}

# remember STAGE SECONDS
remember() {
	_new=$(mktemp "$cache/.new-XXXXXX")
	{
		[ ! -e "$took" ] || awk -v stage="$1" \
			'$1 != stage && NF == 2' "$took"
		echo "$1 $2"
	} >"$_new"
	mv "$_new" "$took"
}

time_of() {
	if [ "$1" -lt 100 ]; then echo "$1 s"; else echo "$((($1 + 30) / 60)) min"; fi
}

# left STAGE...: how long they will take
left() {
	_sum=0 _word=some
	for _of; do
		_seconds=$(seconds_of "$_of")
		[ -n "$_seconds" ] || {
			_seconds=$(guess "$_of")
			_word='at a rough guess'
		}
		_sum=$((_sum + _seconds))
	done
	echo "$_word $(time_of $_sum)"
}

# counted STAGE: what passed and what failed
counted() (
	cd "$out" || exit
	awk -f "$run/ktap.awk" "$1.results" | tail -n 1
)

run_stages() {
	export ALL_STAGES=1
	mkdir -p "$out" "$cache"
	for _stage; do : >"$out/$_stage.results"; done
	_all=$#
	say "$_all stages, $(left "$@")"
	for _stage; do
		shift
		_began=$(date +%s)
		_ended=0
		run_stage "$_stage" || _ended=$?
		_time=$(($(date +%s) - _began))
		_line="[$((_all - $#))/$_all] $_stage: $(counted "$_stage")"
		_line="$_line, $(time_of $_time)"
		if [ $_ended = 0 ]; then
			remember "$_stage" $_time || :
		else
			echo "# stopped: its script ended with $_ended" \
				>>"$out/$_stage.results"
			say "$_stage did not come to its end"
		fi
		[ $# = 0 ] || _line="$_line; $(left "$@") left"
		say "$_line"
	done
	ALL_STAGES=
}
