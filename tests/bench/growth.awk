# SPDX-License-Identifier: GPL-2.0
# awk -f rows.awk -f growth.awk OPERATIONS CSV: instructions of each operation,
# under the conditions that stand behind the @ in its name

BEGIN { cell[1, 1] = "operation" }

{ separator() }

/^#/ || FNR == 1 { next }

FILENAME !~ /csv$/ {
	words[$1] = $2
	next
}

split($1, part, "@/") == 2 {
	if (!(part[1] in row)) {
		row[part[1]] = ++operations + 1
		cell[operations + 1, 1] = words[part[1]]
	}
	if (!(part[2] in column)) {
		column[part[2]] = ++conditions + 1
		split(part[2], condition, "=")
		cell[1, conditions + 1] = condition[2] " " condition[1]
	}
	cell[row[part[1]], column[part[2]]] = number($2)
}

END { print_table(operations + 1, conditions + 1) }
