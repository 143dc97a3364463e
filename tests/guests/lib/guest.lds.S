/* SPDX-License-Identifier: GPL-2.0 */
#include "layout.h"

/*
 * Three address spaces in one image: what runs before there are page tables
 * is linked where it is loaded, ring 3's programs at their own addresses, and
 * the rest behind KERNEL_BASE. Every segment starts on a page of its own,
 * since a Launcher may map the file, a page at a time, rather than read it.
 */
ENTRY(start)

PHDRS
{
	early PT_LOAD FLAGS(5);
	user PT_LOAD FLAGS(5);
	text PT_LOAD FLAGS(5);
	data PT_LOAD FLAGS(6);
}

SECTIONS
{
	. = 0x100000;
	.early : {
		*start.o(.text)
		*early.o(.text .text.* .rodata .rodata.*)
		*early.o(.data .data.* .bss .bss.* COMMON)
		*start.o(.data .bss)
	} :early

	. = ALIGN(PAGE_SIZE);
	user_pa = .;
	.user USER_BASE : AT(user_pa) {
		user_text = .;
		*-user.o(.text .text.* .rodata .rodata.*)
		. = ALIGN(PAGE_SIZE);
		user_data = .;
		*-user.o(.data .data.* .bss .bss.* COMMON)
		. = ALIGN(PAGE_SIZE);
		/* An empty section would leave the segment without a page. */
		LONG(0)
		. = ALIGN(PAGE_SIZE);
		user_end = .;
	} :user

	. = KERNEL_BASE + user_pa + SIZEOF(.user);
	.text : AT(ADDR(.text) - KERNEL_BASE) {
		*(.text .text.*)
	} :text
	.rodata : AT(ADDR(.rodata) - KERNEL_BASE) {
		*(.rodata .rodata.*)
	} :text

	. = ALIGN(PAGE_SIZE);
	.data : AT(ADDR(.data) - KERNEL_BASE) {
		*(.data .data.*)
	} :data
	.bss : AT(ADDR(.bss) - KERNEL_BASE) {
		bss_start = .;
		*(.bss .bss.* COMMON)
		. = ALIGN(PAGE_SIZE);
		bss_end = .;
	} :data

	boot_params = KERNEL_BASE;

	/DISCARD/ : {
		*(.comment .note .note.* .eh_frame)
	}
}
