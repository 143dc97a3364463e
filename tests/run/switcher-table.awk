# SPDX-License-Identifier: GPL-2.0
# awk -f switcher-table.awk x86/switcher.S: does its table of regions have its labels?
# All of these must be there, once, and in that order; no address may be compared with
# a label that the table does not have; and no column may say what is not explained.

BEGIN {
	split("host guest either,host ours,host frame entry own any," \
	      "host exit resume check other,host exit resume check other giveup," \
	      "host exit none giveup lost", columns, ",")
}

/^ \* TABLE/ { table = 1; next }
/^ \* END/ { table = 0 }

table {
	row[$2] = ++rows
	label[rows] = $2
	if (NF != 8)
		wrong("line " NR ": not six columns")
	for (i = 3; i <= NF; i++)
		if (index(" " columns[i - 2] " ", " " $i " ") == 0)
			wrong("line " NR ": " $i " in column " i - 2)
	next
}

# What is a label of this file's
match($0, /^\.L[a-z_]*:/) {
	define(substr($0, 1, RLENGTH - 1))
}

match($0, /SYM_(INNER_LABEL|FUNC_START)\([a-z_]*/) {
	name = substr($0, RSTART, RLENGTH)
	sub(/.*\(/, "", name)
	define(name)
}

# What an address is compared with
/cmpq?[ \t]+\$\.L/ || /lea[ \t]+\.L.*\(%rip\), %rbx/ {
	match($0, /\.L[a-z_]*/)
	used[substr($0, RSTART, RLENGTH)] = NR
}

function define(name) {
	if (!(name in row))
		return
	if (defined[name]++)
		wrong("line " NR ": a second " name)
	if (row[name] != ++next_row)
		wrong("line " NR ": " name " is not where the table has it")
}

function wrong(what) {
	print what
	bad = 1
}

END {
	# A row that is lost shows nowhere else if nothing is compared with its label.
	if (rows != 19)
		wrong("the table has " rows + 0 " regions: it had 19 when this was written")
	for (i = 1; i <= rows; i++)
		if (!defined[label[i]])
			wrong("no label " label[i])
	for (name in used)
		if (!(name in row))
			wrong("line " used[name] ": " name " is not in the table")
	exit bad
}
