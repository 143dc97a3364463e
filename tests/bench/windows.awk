# SPDX-License-Identifier: GPL-2.0
# awk -f windows.awk COUNTS >OUT: of the windows of each name in what count.c has
# written, the one in the middle: what is there by chance, like a tick of the
# host's, is not in it.

# In two passes over the file
BEGIN { ARGV[ARGC++] = ARGV[1] }

FNR == 1 { pass++ }

pass == 1 {
	if ($1 != "window")
		next
	n++
	name = $2
	split($4, word, "=")
	# Few, so they are sorted as they come.
	for (i = ++count[name]; i > 1 && total[name, i - 1] > word[2]; i--) {
		total[name, i] = total[name, i - 1]
		number[name, i] = number[name, i - 1]
	}
	total[name, i] = word[2]
	number[name, i] = n
	next
}

$1 == "window" {
	at++
	chosen = at == number[$2, int((count[$2] + 1) / 2)]
}

chosen
