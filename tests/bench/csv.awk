# SPDX-License-Identifier: GPL-2.0
# awk -f csv.awk SYMBOLS WINDOWS: what each thing took, every time that it was
# done, from what windows.awk has chosen.
#
#	instructions	all that were executed
#	host		of them, those of the host and the switcher
#	exits		entries of the guest, and thus ways out of it again
#	faults		page faults of the guest's, whether or not its kernel
#			hears of them
#	pages		that the host asked for, for page tables above all
#	cr3 ...		instructions that a processor takes long for

BEGIN {
	counted = "cr3 cr4 cr0 wrmsr rdmsr lgdt lidt ltr lldt int iret " \
		"invlpg invpcid swapgs verw fxsave hlt rep"
	split(counted, columns, " ")
	gsub(" ", ",", counted)
	print "operation,instructions,host,exits,faults,pages," counted
}

# The stub of vector 14: the digits that 14 * 16 can change, for the rest of an
# address is too large a number.
function page_fault_stub(stubs, i, digits, value)
{
	digits = "0123456789abcdef"
	for (i = 13; i <= 16; i++)
		value = value * 16 + index(digits, substr(stubs, i, 1)) - 1
	value += 14 * 16
	return substr(stubs, 1, 12) sprintf("%04x", value)
}

FILENAME ~ /symbols$/ {
	at[$2] = $1
	next
}

FNR == 1 {
	enter = at["lg_switch_to_guest"]
	fault = page_fault_stub(at["lg_switcher_stubs"])
	pages = at["get_zeroed_page"]
	if (enter == "" || fault == "" || pages == "") {
		print "csv.awk: symbols are missing" >"/dev/stderr"
		exit 1
	}
}

function flush(i)
{
	if (operation == "")
		return
	printf "%s,%.2f,%.2f,%.2f,%.2f,%.2f", operation, count["total"] / times,
		(count["total"] - in_guest) / times, n[enter] / times,
		n[fault] / times, n[pages] / times
	for (i = 1; i in columns; i++)
		printf ",%.2f", count[columns[i]] / times
	print ""
}

$1 == "window" {
	flush()
	operation = $2
	times = $3
	for (i = 4; i <= NF; i++) {
		split($i, word, "=")
		count[word[1]] = word[2]
	}
	in_guest = 0
	split("", n)
	next
}

# The programs of the host are not linked to below 4 GiB.
/^00000000/ { in_guest += $2 }
$1 == enter || $1 == fault || $1 == pages { n[$1] = $2 }

END { flush() }
