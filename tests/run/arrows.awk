# SPDX-License-Identifier: GPL-2.0
# awk -f arrows.awk arrows SYMBOLS: SYMBOLS is what nm -A says of the module's
# object files, from where they lie. An arrow is a file that calls another. Prints
# how many there are, and how many of them run up. Fails if one of these is not
# allowed, if an allowed one does not exist, or if a file is missing.

function place(file,	dir)
{
	dir = file
	sub(/\/.*/, "/", dir)
	return file in rank ? file : dir
}

NR == FNR {
	sub(/#.*/, "")
	if ($1 == "up") {
		for (i = 4; i <= NF; i++)
			allowed[$2 " " $3 " " $i]
	} else if (NF) {
		rank[$NF] = NR
		if ($1 == "optional")
			seen[$NF]
	}
	next
}

{
	file = $1
	sub(/^\.\//, "", file)
	sub(/\.o:.*/, "", file)
	file = place(file)
	if (!(file in rank)) {
		if (!unknown[file]++)
			print "not in the list: " file
		bad = 1
		next
	}
	seen[file]
	if ($(NF - 1) == "U") {
		uses[file " " $NF]
	} else if ($(NF - 1) ~ /^[A-Z]$/) {
		owner[$NF] = file
	}
}

END {
	for (file in rank) {
		if (!(file in seen)) {
			print "no such file: " file
			bad = 1
		}
	}
	for (use in uses) {
		split(use, part, " ")
		to = owner[part[2]]
		if (to == "" || to == part[1])
			continue
		arrow = part[1] " " to
		if (!(arrow in drawn)) {
			drawn[arrow]
			count++
			up += rank[part[1]] > rank[to]
		}
		if (rank[part[1]] < rank[to])
			continue
		if (arrow " " part[2] in allowed) {
			needed[arrow " " part[2]]
		} else {
			print part[1] " calls up, " to ": " part[2]
			bad = 1
		}
	}
	for (arrow in allowed) {
		if (!(arrow in needed)) {
			print "allowed, but there is none: " arrow
			bad = 1
		}
	}
	print count + 0 " arrows, " up + 0 " of them up"
	exit bad
}
