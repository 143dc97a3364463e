# SPDX-License-Identifier: GPL-2.0
# awk -f rows.awk -f chart.awk OPERATIONS TARGETS CSV GROWTH-CSV: the same as SVG.
# Above, a bar for each operation, the scale being logarithmic, with what it may
# take at most; below, how some of them grow.

BEGIN {
	width = 760
	left = 372
	right = 690
	decades = 5
	line = 20
	panel = 190
	gap = 44
	# Told apart by those who see colours in other ways, too, on white and black
	split("#2f86c6 #d55e00 #009e73 #cc79a7 #b58900", colour, " ")
}

{ separator() }

/^#/ { next }

FILENAME ~ /operations$/ {
	order[++operations] = $1
	words[$1] = $2
	next
}

FILENAME ~ /targets$/ {
	if ($2 == "instructions")
		limit[$1] = $3
	next
}

$1 == "operation" { next }

split($1, part, "@/") == 2 {
	split(part[2], condition, "=")
	grown(part[1], condition[1], condition[2], $2)
	next
}

{ value[$1] = $2 }

function grown(o, by, n, v)
{
	if (!(by in panels)) {
		panels[by] = ++panel_count
		panel_name[panel_count] = by
	}
	if (!((by, n) in step)) {
		step[by, n] = ++steps[by]
		step_name[by, steps[by]] = n
	}
	if (!(o in line_of)) {
		line_of[o] = ++lines
		line_name[lines] = o
	}
	point[by, step[by, n], o] = v
	if (v > highest)
		highest = v
}

function x_of(v)
{
	v = log(v < 10 ? 10 : v) / log(10) - 1
	return left + (right - left) * (v > decades ? decades : v) / decades
}

function text(x, y, class, s)
{
	gsub("&", "\\&amp;", s)
	gsub("<", "\\&lt;", s)
	printf "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, class, s
}

function rule(x1, y1, x2, y2, class)
{
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n",
		x1, y1, x2, y2, class
}

function style()
{
	print "<style>"
	print "svg { --ink: #1f2328; --faint: #d0d7de; --paper: #ffffff;"
	print " --limit: #bb3333; }"
	print "@media (prefers-color-scheme: dark) {"
	print "svg { --ink: #e6edf3; --faint: #3d444d; --paper: #0d1117;"
	print " --limit: #ff7b72; } }"
	print "text { font: 12px sans-serif; fill: var(--ink); }"
	print ".head { font-weight: bold; }"
	print ".right { text-anchor: end; }"
	print ".middle { text-anchor: middle; }"
	print ".paper { fill: var(--paper); }"
	print ".bar { fill: #4c86b8; }"
	print ".grid { stroke: var(--faint); }"
	print ".limit { stroke: var(--limit); stroke-width: 3; }"
	print ".curve { stroke-width: 2; fill: none; }"
	print "</style>"
}

function bars(y, o, i, top, v)
{
	text(8, y, "head", "Instructions of each operation, the host's included")
	rule(right - 64, y - 10, right - 64, y + 3, "limit")
	text(right - 54, y, "", "at most")
	top = y + 14
	for (i = 0; i <= decades; i++)
		rule(x_of(10 ^ (i + 1)), top, x_of(10 ^ (i + 1)),
		     top + shown * line + 4, "grid")
	y = top + line / 2
	for (o = 1; o <= operations; o++) {
		if (!(order[o] in value) || order[o] == "idle")
			continue
		v = value[order[o]]
		text(left - 8, y + 6, "right", words[order[o]])
		printf "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" class=\"bar\"/>\n",
			left, y - 5, x_of(v) - left, line - 8
		if (order[o] in limit)
			rule(x_of(limit[order[o]]), y - 7,
			     x_of(limit[order[o]]), y + line - 11, "limit")
		text(x_of(v) + 6, y + 6, "", number(v))
		y += line
	}
	for (i = 0; i <= decades; i++)
		text(x_of(10 ^ (i + 1)), y + 10, "middle",
		     sprintf("%d", 10 ^ (i + 1)))
	return y + 40
}

# One panel: what there is more of from left to right, a line for each operation
function growth(by, x, y, i, l, w, px, py, points)
{
	w = (width - 16 - (panel_count - 1) * gap) / panel_count
	rule(x, y + panel, x + w, y + panel, "grid")
	for (i = 1; i <= steps[by]; i++)
		text(x + 20 + (w - 40) * (i - 1) / (steps[by] - 1),
		     y + panel + 16, "middle", step_name[by, i])
	text(x + w / 2, y + panel + 32, "middle", by)
	for (l = 1; l <= lines; l++) {
		points = ""
		for (i = 1; i <= steps[by]; i++) {
			px = x + 20 + (w - 40) * (i - 1) / (steps[by] - 1)
			py = y + panel - (panel - 10) * \
				point[by, i, line_name[l]] / highest
			points = points sprintf("%.1f,%.1f ", px, py)
		}
		printf "<polyline points=\"%s\" class=\"curve\" stroke=\"%s\"/>\n",
			points, colour[l]
	}
}

END {
	for (o = 1; o <= operations; o++)
		if (order[o] in value && order[o] != "idle")
			shown++
	height = 24 + 14 + shown * line + 90 + panel + 44
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n",
		width, height, width, height
	style()
	print "<rect width=\"100%\" height=\"100%\" class=\"paper\"/>"
	y = bars(24)
	text(8, y + 8, "head", "Some with more guests, more of a guest's memory," \
	     " more address spaces in it")
	for (l = 1; l <= lines; l++)
		printf "<text x=\"%d\" y=\"%d\" style=\"fill: %s\">%s</text>\n",
			8 + (l - 1) * 90, y + 30, colour[l], line_name[l]
	for (p = 1; p <= panel_count; p++)
		growth(panel_name[p], 8 + (p - 1) * (width - 16 + gap) / panel_count,
		       y + 40)
	print "</svg>"
}
