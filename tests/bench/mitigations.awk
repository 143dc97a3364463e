# SPDX-License-Identifier: GPL-2.0
# awk -f rows.awk -f mitigations.awk MITIGATIONS CSV: what a hypercall takes on each

BEGIN {
	columns = split("instructions wrmsr verw cr3", field, " ")
	cell[1, 1] = "what the kernel has chosen"
	for (i = 1; i <= columns; i++)
		cell[1, i + 1] = field[i]
	rows = 1
}

{ separator() }

/^#/ { next }

FILENAME !~ /csv$/ {
	words[$1] = $4
	next
}

FNR == 1 {
	for (i = 1; i <= NF; i++)
		column[$i] = i
	next
}

{
	cell[++rows, 1] = words[$1]
	for (i = 1; i <= columns; i++)
		cell[rows, i + 1] = number($column[field[i]])
}

END { print_table(rows, columns + 1) }
