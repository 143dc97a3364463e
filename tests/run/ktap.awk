# SPDX-License-Identifier: GPL-2.0
# Reads many result streams, and writes one KTAP document and its totals. A stream
# has for every program "# begin NAME", the program's own KTAP, "# end NAME STATUS",
# and "# done" after the last, or "# stopped: REASON". What is missing counts as a
# failure: a program that ends badly, runs no test or not all that it planned, a
# stream that breaks off.
# Only leaves count, not the summary line of a subtest. How many passed in each
# program also goes to the file that "counts" names. Failures come again in the end,
# each with the comments since the result before it.

function flaw(text)
{
	if (name == "")
		name = file
	body = body "    # " text "\n"
	tell(text)
	flaws++
}

function tell(text)
{
	failures = failures "# failed: " name ": " text "\n" remarks
	remarks = ""
}

function close_program()
{
	for (d in plan)
		if (plan[d] != seen[d])
			flaw("planned " plan[d] " tests, saw " seen[d])
	if (!planned)
		flaw("no plan")
	if (!leaves)
		flaw("no test was run")
	# A flaw is a failed test of its own. An exit status that only says what
	# a failed test has said is no flaw.
	if (flaws)
		failed += flaws
	skipped += left_out
	document = document body (flaws || bad ? "not ok " : "ok ") ++programs \
		" - " name "\n"
	if (counts)
		print leaves - bad - left_out, name >counts
	open_program("")
}

function open_program(n)
{
	name = n
	body = n == "" ? "" : "    # Subtest: " n "\n"
	flaws = bad = leaves = left_out = planned = 0
	last = -1
	remarks = ""
	split("", plan)
	split("", seen)
}

function close_stream()
{
	if (name != "") {
		flaw("did not end")
		close_program()
	}
	if (file != "" && !done) {
		sub(/\.results$/, "", file)
		name = file
		planned = leaves = 1
		flaw("the machine did not finish" reason)
		close_program()
	}
	done = 0
	reason = ""
}

BEGIN { open_program("") }

FNR == 1 {
	close_stream()
	file = FILENAME
	began[file] = 1
}

{ sub(/\r$/, "") }

/^# begin / {
	if (name != "") {
		flaw("did not end")
		close_program()
	}
	# Several machines run programs of the same name.
	stage = FILENAME
	sub(/\.results$/, "", stage)
	open_program(index($3, stage) == 1 ? $3 : stage " " $3)
	next
}

/^# done$/ {
	done = 1
	next
}

/^# stopped: / {
	reason = ": " substr($0, 12)
	done = 0
	next
}

name == "" { next }

/^# end / {
	if ($4 != 0 && !bad)
		flaw("exit status " $4)
	if ($5 != "")
		flaw("host log not clean")
	close_program()
	next
}

{ body = body "    " $0 "\n" }

/^ *# / { remarks = remarks "#   " $0 "\n" }

/^ *1\.\.[0-9]+/ {
	d = match($0, /[^ ]/)
	plan[d] = substr($1, 4) + 0
	seen[d] = 0
	planned = 1
	next
}

/^ *(not )?ok / {
	d = match($0, /[^ ]/)
	seen[d]++
	if (last > d) {
		# The summary of what came before, one level down
		for (i in plan)
			if (i + 0 > d) {
				if (plan[i] != seen[i])
					flaw("planned " plan[i] " tests, saw " seen[i])
				delete plan[i]
				delete seen[i]
			}
	} else {
		leaves++
		if (/ # SKIP/)
			left_out++
		else if ($1 == "ok")
			passed++
		else {
			failed++
			bad++
			tell($0)
		}
	}
	remarks = ""
	last = d
}

END {
	close_stream()
	for (i = 1; i < ARGC; i++) {
		file = ARGV[i]
		done = file in began
		close_stream()
	}
	printf "KTAP version 1\n1..%d\n%s", programs, document
	if (skipped)
		printf "# %d skipped\n", skipped
	printf "%s", failures
	printf "%d passed, %d failed\n", passed, failed
	exit !passed || failed
}
