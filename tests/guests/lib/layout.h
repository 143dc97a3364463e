/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where things are, for C, assembly and the linker script alike.
 */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

#define PAGE_SIZE	4096
#define KERNEL_BASE	0xc0000000

/* A window of kernel addresses that has page tables, but nothing mapped. */
#define SCRATCH_BASE	0xe0000000
#define SCRATCH_SIZE	0x00800000

/* Ring 3: the programs' text and data, their demand-zero heap, their stack. */
#define USER_BASE	0x08000000
#define USER_HEAP	0x40000000
#define USER_HEAP_SIZE	0x08000000
#define USER_STACK_TOP	0xb0000000
#define USER_STACK_SIZE	0x00004000

#define KSTACK_SIZE	(2 * PAGE_SIZE)

/* Linux's selectors, at the privilege levels that a guest gets. */
#define KERNEL_CS	0x61
#define KERNEL_DS	0x69
#define USER_CS		0x73
#define USER_DS		0x7b
#define TLS_ENTRY	6
#define TLS_SEL(n)	(((TLS_ENTRY + (n)) << 3) | 3)
/* A GDT entry that nobody but a test uses. */
#define SPARE_ENTRY	20
#define SPARE_SEL(rpl)	((SPARE_ENTRY << 3) | (rpl))

#define FLAGS_FIXED	0x00000002
#define FLAGS_CF	0x00000001
#define FLAGS_TF	0x00000100
#define FLAGS_IF	0x00000200
#define FLAGS_DF	0x00000400
#define FLAGS_NT	0x00004000
/* IOPL, VM, VIF, VIP: nothing for rings 1 and 3 to set. */
#define FLAGS_ABOVE_RING_0 0x001a3000
#define FLAGS_AC	0x00040000

#define SYSCALL_VECTOR	0x80
#define IRQ_VECTOR(n)	(32 + (n))

#endif /* GUEST_LAYOUT_H */
