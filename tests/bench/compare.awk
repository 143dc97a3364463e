# SPDX-License-Identifier: GPL-2.0
# awk -f compare.awk EXPECTED NOW: KTAP. What takes more than EXPECTED
# says is a failure, beyond a slack of 5%; or of 15% if the two were not made with
# the same kernel and compilers, which the first lines of both tell.

BEGIN {
	split("instructions|world switches|CR3 writes|MSR writes", what, "|")
	slack = 5
}

FNR == 1 { file++ }

/^#/ {
	if (file == 1)
		made_with = made_with $0 "\n"
	else
		made_now = made_now $0 "\n"
	next
}

file == 1 {
	names[++count] = $1
	expected[$1] = $0
	next
}

{
	if (!($1 in expected))
		names[++count] = $1
	now[$1] = $0
}

function complain(text)
{
	bad = 1
	print "# " text
}

function compare(name, i, is, w)
{
	split(expected[name], w)
	split(now[name], is)
	for (i = 1; i <= 4; i++) {
		if (w[i + 1] == "-")
			continue
		if (is[i + 1] > w[i + 1] * (1 + slack / 100) + 0.05)
			complain(what[i] ": " is[i + 1] ", expected " w[i + 1])
		else if (is[i + 1] < w[i + 1] * (1 - slack / 100) - 0.05)
			print "# " what[i] ": only " is[i + 1] ", expected " \
				w[i + 1] ", which make bench EXPECT=1 changes"
	}
}

END {
	print "KTAP version 1"
	print "1.." count
	if (made_with != made_now) {
		slack = 15
		printf "# Expected with\n%s# but counted with\n%s", made_with,
			made_now
		print "# so 15% more is let pass"
	}
	for (n = 1; n <= count; n++) {
		bad = 0
		if (!(names[n] in now))
			complain("was not counted")
		else if (!(names[n] in expected))
			complain("nothing is expected: make bench EXPECT=1")
		else
			compare(names[n])
		print (bad ? "not ok " : "ok ") n " " names[n]
		failed += bad
	}
	exit failed > 0
}
