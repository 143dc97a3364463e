# SPDX-License-Identifier: GPL-2.0
# For the scripts that make tables: cell[row, column], the first row being the
# heads of the columns, as text or rst, by the variable format.

function number(n)
{
	if (n !~ /^[0-9.]+$/)
		return n
	if (n >= 100)
		return sprintf("%.0f", n)
	n = sprintf("%.2f", n)
	sub(/\.?0+$/, "", n)
	return n
}

function print_rst(rows, columns, r, c)
{
	print ".. csv-table::\n   :header-rows: 1\n"
	for (r = 1; r <= rows; r++) {
		printf "  "
		for (c = 1; c <= columns; c++)
			printf " \"%s\"%s", cell[r, c], c < columns ? "," : "\n"
	}
	print ""
}

function print_text(rows, columns, r, c, width)
{
	for (r = 1; r <= rows; r++)
		for (c = 1; c <= columns; c++)
			if (length(cell[r, c]) > width[c])
				width[c] = length(cell[r, c])
	for (r = 1; r <= rows; r++) {
		printf "%-*s", width[1], cell[r, 1]
		for (c = 2; c <= columns; c++)
			printf "  %*s", width[c], cell[r, c]
		print ""
	}
	print ""
}

function print_table(rows, columns)
{
	if (format == "rst")
		print_rst(rows, columns)
	else
		print_text(rows, columns)
}

# Two kinds of files: such with | between the fields and # comments, and CSV.
function separator()
{
	FS = FILENAME ~ /\.csv$/ ? " *, *" : " *[|] *"
	$0 = $0
}
