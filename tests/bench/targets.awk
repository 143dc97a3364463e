# SPDX-License-Identifier: GPL-2.0
# awk -f rows.awk -f targets.awk TARGETS CSV: what has to be so, and whether it is

BEGIN {
	cell[1, 1] = "target"
	cell[1, 2] = "historic host"
	cell[1, 3] = "at most"
	cell[1, 4] = "now"
	cell[1, 5] = ""
	rows = 1
}

{ separator() }

/^#/ { next }

FILENAME !~ /csv$/ {
	operation[++targets] = $1
	column[targets] = $2
	limit[targets] = $3
	historic[targets] = $4
	words[targets] = $5
	next
}

FNR == 1 {
	for (i = 2; i <= NF; i++)
		field[i] = $i
	next
}

{
	for (i = 2; i <= NF; i++)
		value[$1, field[i]] = $i
}

END {
	for (t = 1; t <= targets; t++) {
		if (!((operation[t], column[t]) in value))
			continue
		now = value[operation[t], column[t]]
		cell[++rows, 1] = words[t]
		cell[rows, 2] = historic[t]
		cell[rows, 3] = number(limit[t])
		cell[rows, 4] = number(now)
		cell[rows, 5] = now + 0 <= limit[t] + 0 ? "met" : "missed"
	}
	print_table(rows, 5)
}
