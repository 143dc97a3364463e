# SPDX-License-Identifier: GPL-2.0
# awk -f rows.awk -f macro.awk OPERATIONS NATIVE GUEST CSV: what the two have
# measured, beside what the historic host took, and what csv.awk has of the last
# round. With format=csv, as that.

BEGIN {
	n = split("exits faults cr3 wrmsr+rdmsr int+iret pages", sum, " ")
	split("exits,faults,cr3,msr,int iret,pages", head, ",")
	columns = split("operation,native,instructions,first,ratio,historic," \
		"its ratio,target,bytes each", first_heads, ",")
	for (i = 1; i <= columns; i++)
		cell[1, i] = first_heads[i]
	for (i = 1; i <= n; i++)
		cell[1, columns + i] = head[i]
	rows = 1
}

FNR == 1 { file++ }

file == 1 {
	FS = " *[|] *"
	$0 = $0
	if (/^#/)
		next
	order[++operations] = $1
	words[$1] = $2
	native_then[$1] = $3
	historic[$1] = $4
	target[$1] = $5
	bytes[$1] = $6
	next
}

FILENAME ~ /native\.macro$/ {
	split($0, f, "\t")
	native[f[1]] = f[2]
	next
}

# The first is said on the host when the Launcher is started.
FILENAME ~ /guest\.macro$/ && /^tsc\t/ {
	split($0, f, "\t")
	if (launched)
		guest["boot"] = f[2] - launched
	launched = f[2]
	next
}

FILENAME ~ /guest\.macro$/ {
	split($0, f, "\t")
	guest[f[1]] = f[2]
	first[f[1]] = f[3]
	next
}

{
	m = split($0, f, ",")
	if (f[1] == "operation")
		split($0, field, ",")
	for (i = 2; i <= m; i++)
		value[f[1], field[i]] = f[i]
}

function added_up(o, fields, part, parts, i, total)
{
	parts = split(fields, part, "[+]")
	for (i = 1; i <= parts; i++) {
		if (!((o, part[i]) in value))
			return ""
		total += value[o, part[i]]
	}
	return total
}

function ratio(a, b)
{
	return a > 0 && b > 0 ? sprintf("%.2f", a / b) : ""
}

function short(n)
{
	return n + 0 >= 100 ? sprintf("%.0f", n) : n == "" ? n : number(n + 0)
}

function print_csv(rows, columns, r, c)
{
	for (r = 1; r <= rows; r++)
		for (c = 1; c <= columns; c++)
			printf "%s%s", cell[r, c], c < columns ? "," : "\n"
}

END {
	for (i = 1; i <= operations; i++) {
		o = order[i]
		if (!(o in guest))
			continue
		# There is nobody to talk to on a bare machine.
		if (bytes[o] || o ~ /^net/)
			delete native[o]
		rows++
		cell[rows, 1] = format == "csv" ? o : words[o]
		cell[rows, 2] = native[o]
		cell[rows, 3] = guest[o]
		cell[rows, 4] = first[o]
		cell[rows, 5] = ratio(guest[o], native[o])
		cell[rows, 6] = historic[o]
		cell[rows, 7] = ratio(historic[o], native_then[o])
		cell[rows, 8] = target[o]
		cell[rows, 9] = ratio(bytes[o], guest[o])
		for (j = 1; j <= n; j++)
			cell[rows, columns + j] = added_up(o, sum[j])
		for (j = 2; j <= columns + n && format != "csv"; j++)
			cell[rows, j] = short(cell[rows, j])
	}
	if (format == "csv")
		print_csv(rows, columns + n)
	else
		print_table(rows, columns + n)
}
