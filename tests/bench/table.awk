# SPDX-License-Identifier: GPL-2.0
# awk -f rows.awk -f table.awk OPERATIONS CSV: the figures of csv.awk, in the order
# of OPERATIONS

BEGIN {
	# What of the CSV goes into which column, added up
	n = split("instructions host exits faults cr3 wrmsr+rdmsr lgdt+lidt " \
		"int+iret invlpg+invpcid pages rep", sum, " ")
	split("instructions,the host's,exits,faults,cr3,msr,gdt idt," \
		"int iret,invl,pages,rep", head, ",")
	cell[1, 1] = "operation"
	for (i = 1; i <= n; i++)
		cell[1, i + 1] = head[i]
	cell[1, n + 2] = "historic host"
	rows = 1
}

{ separator() }

/^#/ { next }

FILENAME !~ /csv$/ {
	order[++operations] = $1
	words[$1] = $2
	historic[$1] = $3
	next
}

FNR == 1 {
	for (i = 2; i <= NF; i++)
		field[i] = $i
	next
}

{
	seen[$1] = 1
	for (i = 2; i <= NF; i++)
		value[$1, field[i]] = $i
}

function added_up(o, fields, part, parts, i, total)
{
	parts = split(fields, part, "[+]")
	for (i = 1; i <= parts; i++)
		total += value[o, part[i]]
	return total
}

END {
	for (o = 1; o <= operations; o++) {
		if (!seen[order[o]])
			continue
		cell[++rows, 1] = words[order[o]]
		for (i = 1; i <= n; i++)
			cell[rows, i + 1] = number(added_up(order[o], sum[i]))
		cell[rows, n + 2] = historic[order[o]]
	}
	print_table(rows, n + 2)
}
