/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world switch, and what the guest's traps meet first.
 *
 * This text is mapped at the same address in the host and in every guest. The
 * host's GDT, TSS, and the stacks which that TSS names are mapped in guests
 * too, by the host's own tables: what a kernel with page-table isolation
 * leaves mapped for its processes. So TR never changes
 * and no translation differs between the worlds for which the TLB could keep a
 * global entry. The IDT does change, first on the way in and last on the way
 * out: between, on the seam, every interruption comes here and not to the
 * host, which could not cope.
 *
 * Ring 0 in the guest's tables reaches struct lg_switch at LG_SWITCH_VA
 * without a base register. Its stack is the host's entry stack after a trap,
 * and the one in struct lg_switch on the way in, whose top is iretq's frame.
 *
 * The handlers of NMI and machine check, and .Lring0, tell by an address in which of
 * these regions something struck. So their order is a protocol. Each goes from its
 * label to the next: tests/run/switcher-table.awk checks the order, and that no other
 * label is told by. What happens in them, tests/seam tries at each instruction. The
 * columns: whose CR3, IDT and stack there are; what an NMI does there, and a machine
 * check, and a fault. Where CR3 is the host's, %rdi is struct lg_switch.
 *
 * TABLE		CR3	IDT	RSP	NMI	#MC	fault
 * lg_switch_to_guest	host	ours	host	resume	resume	none
 * .Lin_guest		guest	ours	frame	exit	exit	exit
 * .Lin_end		guest	ours	any	resume	resume	none
 * lg_switcher_stubs	guest	ours	any	resume	resume	none
 * lg_switcher_page_fault	guest	ours	entry	resume	resume	none
 * .Lreflect_start	guest	ours	entry	resume	giveup	giveup
 * .Lreflect_trap_pushed	guest	ours	entry	resume	resume	none
 * .Lwalk_not_present	guest	ours	entry	resume	giveup	giveup
 * .Lpage_fault_pushed	guest	ours	entry	resume	resume	none
 * .Lreflect_syscall	guest	ours	entry	resume	giveup	giveup
 * .Lreflect_end	guest	ours	entry	resume	resume	none
 * .Lreflect_check	guest	ours	entry	check	check	none
 * .Lreflect_iret	guest	ours	entry	check	check	lost
 * .Lreflect_nmi	guest	ours	entry	resume	resume	none
 * .Lhandlers		either	ours	own	other	other	none
 * .Lhandlers_end	guest	ours	any	resume	resume	none
 * .Lout_host		host	ours	host	resume	resume	none
 * .Lout_done		host	host	host	host	host	host
 * .Lresume_host	host	ours	host	resume	resume	none
 * END
 *
 * resume: it is marked as pending, and where it struck is returned to by a jump; at
 * .Lout_host itself that region begins anew. check: the same, but returned to is
 * .Lreflect_check, which finds it. exit: the entry is abandoned, and the guest is out.
 * giveup: the reflection is given up; C does it, after it has seen to the machine
 * check. lost: the guest is already in its handler, which can't be entered. other: one
 * has interrupted the other's handler; it is marked as pending by the CR3 that is there
 * where that one struck. none: no instruction there can fault. The first lidt, and the
 * last, end and begin what is the host's alone. RSP "frame" is iretq's in struct
 * lg_switch, "entry" the stack of a trap from the guest, "own" that of the handler, by
 * IST; "any" is one of these, as different ways lead there.
 *
 * A probe in here would be fatal, hence the section: the kernel takes none there.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <uapi/asm/debugreg.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/trapnr.h>
#include <asm/unwind_hints.h>

#include "../compat.h"
#include "offsets.h"
#include "switcher.h"

/* A field by its address in the guest's tables. */
#define SW(field)	SW_##field + LG_SWITCH_VA

/* What the CPU pushes, above the vector and an error code. */
#define FRAME_RIP	0
#define FRAME_CS	8
#define FRAME_FLAGS	16
#define FRAME_RSP	24
#define FRAME_SS	32

#define CLEARED_BY_GATE	(X86_EFLAGS_TF | X86_EFLAGS_RF | X86_EFLAGS_NT | \
			 X86_EFLAGS_VM)

/* In an error code and an entry: they happen to be the same bits. */
#define PRESENT		1
#define WRITE		2
#define USER		4
#define FETCH		16
#define LARGE_PAGE	0x80	/* in an entry only, and not for guests */

#define ENTRY_FLAGS	(LARGE_PAGE | USER | WRITE | PRESENT)

/*
 * What follows is empty on a CPU that does not need it, or where the host was told to
 * do without.
 */

/* A CPU may guess with what the last division by zero has left. */
.macro forget_divider
	ALTERNATIVE "", "xorl %eax, %eax; xorl %edx, %edx; movl $1, %ecx; divl %ecx", \
		X86_BUG_DIV0
.endm

/* What went through the CPU's buffers and its register file. Changes flags. */
.macro forget_buffers
	ALTERNATIVE_2 "", \
		__stringify(verw SW(VERW_SELECTOR)), X86_FEATURE_CLEAR_CPU_BUF, \
		__stringify(verw SW(VERW_SELECTOR)), X86_FEATURE_CLEAR_CPU_BUF_VM
.endm

/*
 * Where the CPU keeps histories apart (CLEAR_BHB_HW), it is ring 3's from all others'.
 * %rax, %rcx
 */
.macro forget_history
	ALTERNATIVE_2 "", \
		"call overwrite_history", X86_FEATURE_CLEAR_BHB_VMEXIT, \
		"call overwrite_history", X86_FEATURE_CLEAR_BHB_HW
.endm

/* Registers that reflecting something borrows */
.macro borrow_registers
	mov	%rax, SW(SCRATCH_RAX)
	mov	%rbx, SW(SCRATCH_RBX)
	mov	%rcx, SW(SCRATCH_RCX)
.endm

.macro return_registers
	mov	SW(SCRATCH_RAX), %rax
	mov	SW(SCRATCH_RBX), %rbx
	mov	SW(SCRATCH_RCX), %rcx
.endm

/*
 * What the CPU pushes in a 32-bit kernel, to \at(%ebx), but for an error code. The
 * guest's flag is at (%ecx). From ring 1 there is no other stack to be pushed.
 */
.macro push_frame at:req ring=3
	movl	FRAME_RIP(%rsp), %eax
	movl	%eax, \at(%ebx)
	movl	FRAME_CS(%rsp), %eax
	movl	%eax, \at + 4(%ebx)
	/* IF, which in the CPU is always set, as the guest has it */
	movl	(%ecx), %eax
	andl	$X86_EFLAGS_IF, %eax
	xorl	$X86_EFLAGS_IF, %eax
	xorl	FRAME_FLAGS(%rsp), %eax
	movl	%eax, \at + 8(%ebx)
	.if	\ring == 3
	movl	FRAME_RSP(%rsp), %eax
	movl	%eax, \at + 12(%ebx)
	movl	FRAME_SS(%rsp), %eax
	movl	%eax, \at + 16(%ebx)
	.endif
.endm

/*
 * What a gate does to the guest's flag at (%ecx). It comes last of what may fault, and can't
 * be done again: a label behind it tells so.
 */
.macro gate_flag if_keep:req
	movl	\if_keep, %eax
	andl	%eax, (%ecx)
.endm

/* From the address of a table in %ebx to the entry for %eax in it */
.macro read_entry shift:req bits:req size:req
	mov	%eax, %ecx
	shrl	$\shift, %ecx
	.if	\shift + \bits < 32
	andl	$(1 << \bits) - 1, %ecx
	.endif
	.if	\size == 8
	mov	(%ebx, %ecx, 8), %rbx
	.else
	movl	(%ebx, %ecx, 4), %ebx
	.endif
	testb	$PRESENT, %bl
	jz	.Lwalk_not_present
.endm

/* From such an entry, in %rbx, to the address of the table to which it leads */
.macro follow_entry
	mov	%ebx, %ecx
	shrl	$12, %ecx
	andl	$SW_DIRECT_MAP_PAGES - 1, %ecx
	movl	SW(DIRECT_MAP)(, %rcx, 4), %ecx
	cmp	%rcx, %rbx
	jne	.Lreflect_not
	andl	$~0xfff, %ebx
	addl	SW(WALK_OFFSET), %ebx
.endm

/*
 * Back to where an NMI or machine check struck, without IRET, from a handler
 * that has left %rax, flags and address below the stack which that one interrupted.
 * The first line is for whoever trained the return stack: it may have been a guest.
 */
.macro resume
	__FILL_ONE_RETURN
	lea	-24(%rax), %rsp
	pop	%rax
	popfq
	ANNOTATE_UNRET_SAFE
	ret
	int3
.endm

/* The RET in there is in the second half of a cache line, for the sake of some CPUs. */
.macro for_resume
	.balign	64, 0xcc
	.skip	32, 0xcc
.endm

	.section .noinstr.text, "ax", @progbits
	.balign 4096, 0xcc
SYM_DATA_START(lg_switcher_start)
	ANNOTATE_NOENDBR
SYM_DATA_END(lg_switcher_start)

/*
 * void lg_switch_to_guest(struct lg_switch *sw), interrupts off; keeps %rdi
 *
 * To objtool all of the switcher is this one function, which it cannot follow
 * from the first instruction to the last. Nor need it: nothing of the host's
 * runs here that could want to unwind the stack.
 */
SYM_FUNC_START(lg_switch_to_guest)
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, SW_HOST_RSP(%rdi)
	lidt	SW_GUEST_IDTR(%rdi)

	swapgs			/* the guest can't reach the MSR it hides in */
	cmpb	$0, SW_SET_TS(%rdi)
	je	1f
	mov	%cr0, %rax
	or	$X86_CR0_TS, %rax
	mov	%rax, %cr0
1:	forget_divider
	mov	SW_GUEST_CR4(%rdi), %rax
	cmp	SW_HOST_CR4(%rdi), %rax
	je	2f
	mov	%rax, %cr4
2:	mov	SW_GUEST_CR3(%rdi), %rax
	mov	%rax, %cr3
.Lin_guest:
	/* What faults or strikes from here on pushes below the frame that is there. */
	mov	$SW(EIP), %rsp
	/* An NMI or machine check that struck before is only pending. */
	cmpw	$0, SW(NMI_PENDING)	/* and MCE_PENDING */
	jne	.Labandon
	lgdt	SW(GUEST_GDTR)
SYM_INNER_LABEL(lg_switcher_segments, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	mov	SW(DS), %ds
	mov	SW(ES), %es
	mov	SW(FS), %fs
	mov	SW(GS), %gs
SYM_INNER_LABEL(lg_switcher_segments_end, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	movl	SW(EBX), %ebx
	movl	SW(ECX), %ecx
	movl	SW(EDX), %edx
	movl	SW(ESI), %esi
	movl	SW(EDI), %edi
	movl	SW(EBP), %ebp
	movl	SW(EAX), %eax
	/* From here on nothing of the host's is read. */
	forget_buffers
.Lin_iret:
	iretq
.Lin_end:

.Labandon:
	/* The guest's registers are still where they were. */
	movl	$SW_VECTOR_NONE, SW(VECTOR)
	jmp	.Lexit

/*
 * One stub per vector, LG_STUB_SIZE bytes each. They make every frame look
 * alike: vector, error code, and what the CPU pushes always.
 */
	.balign 16, 0xcc
SYM_INNER_LABEL(lg_switcher_stubs, SYM_L_GLOBAL)
	vector = 0
	.rept	256
	.balign	16, 0xcc
	ENDBR
	.if	(vector == 8) || (vector >= 10 && vector <= 14) || \
		(vector == 17) || (vector == 21) || (vector == 29) || \
		(vector == 30)
	.else
	pushq	$0
	.endif
	pushq	$vector
	jmp	.Ltrap
	vector = vector + 1
	.endr
	.balign 16, 0xcc
.Ltrap:
	ANNOTATE_NOENDBR	/* C may compare with where the stubs end */
	testb	$3, 16 + FRAME_CS(%rsp)
	jz	.Lring0
	movl	%eax, SW(EAX)
	movl	%ebx, SW(EBX)
	movl	%ecx, SW(ECX)
	movl	%edx, SW(EDX)
	movl	%esi, SW(ESI)
	movl	%edi, SW(EDI)
	movl	%ebp, SW(EBP)
	pop	%rax
	movl	%eax, SW(VECTOR)
	pop	%rax
	movl	%eax, SW(ERROR_CODE)
	popq	SW(EIP)
	popq	SW(CS)
	popq	SW(EFLAGS)
	popq	SW(ESP)
	popq	SW(SS)
	mov	%ds, SW(DS)
	mov	%es, SW(ES)
	mov	%fs, SW(FS)
	mov	%gs, SW(GS)
	jmp	.Lexit

/*
 * Ring 0 faulted: at the guest's memory while something was reflected, at a
 * selector of the guest's on the way in, or by a bug of ours. %rax and %rbx
 * are free in all these places.
 */
.Lring0:
	mov	16 + FRAME_RIP(%rsp), %rax
	lea	.Lreflect_start(%rip), %rbx
	cmp	%rbx, %rax
	jb	1f
	lea	.Lreflect_end(%rip), %rbx
	cmp	%rbx, %rax
	jb	.Lreflect_undone
1:	mov	%rax, SW(FAULT_RIP)
	pop	%rbx
	movl	%ebx, SW(FAULT_VECTOR)
	pop	%rbx
	movl	%ebx, SW(FAULT_ERROR_CODE)
	lea	.Lreflect_iret(%rip), %rbx
	cmp	%rbx, %rax
	je	.Lreflect_lost
	movl	$SW_VECTOR_ENTRY_FAULT, SW(VECTOR)
	jmp	.Lexit

.Lreflect_abandon:
	mov	%rax, %rsp
	jmp	.Lreflect_restart
.Lreflect_undone:
	/* Nothing has changed but the guest's free stack and cr2: C does it. */
	mov	16 + FRAME_RSP(%rsp), %rsp
.Lreflect_restart:
	mov	SW(REFLECT_CR2), %rax
	mov	%rax, %cr2
.Lreflect_not:
	return_registers
	pushq	SW(REFLECT_ERROR_CODE)
	pushq	SW(REFLECT_VECTOR)
	jmp	.Ltrap

.Lreflect_lost:
	/* Reflected, but the handler can't be entered: the guest is there. */
	mov	FRAME_RSP(%rsp), %rsp
	return_registers
	pushq	$0
	pushq	$SW_VECTOR_ENTRY_FAULT
	jmp	.Ltrap

.Lpage_fault_stub:
	pushq	$X86_TRAP_PF
	jmp	.Ltrap
.Lbreakpoint_stub:
	pushq	$0
	pushq	$X86_TRAP_BP
	jmp	.Ltrap
.Ldebug_stub:
	pushq	$0
	pushq	$X86_TRAP_DB
	jmp	.Ltrap

/*
 * System calls of the guest's ring 3, those page faults of it that are for the
 * guest's kernel, and breakpoints and single steps of both rings go to their
 * handlers in ring 1 without leaving the guest's tables. The frame is pushed on the
 * guest's stack by 32-bit arithmetic, and the one here changed to lead to the handler.
 * The guest's interrupt flag is a word that its kernel has mapped, and is read and, by
 * an interrupt gate, cleared there. All that a guest can make of it is a fault, or that
 * its kernel is told what is not so.
 *
 * A page fault is for the guest's kernel if its own tables say that nothing is
 * there or, to a write, that this is not allowed. They are read where its kernel
 * has them mapped, as far as C has found that this is so (shadow/direct_map.c). All else is
 * left to C: what the shadow lacks, what depends on more than one entry's rights,
 * and entries that no guest may have.
 */
	.balign 16, 0xcc
SYM_INNER_LABEL(lg_switcher_page_fault, SYM_L_GLOBAL)
	ENDBR
	/*
	 * Not of ring 3, or no fault of the guest's at all: a hypervisor below
	 * the host, KVM, injects page faults of its own into whatever is not in
	 * ring 0, with an error code of 0.
	 */
	testb	$USER, (%rsp)
	jz	.Lpage_fault_stub
	borrow_registers
	mov	%cr2, %rax
	pop	%rcx
	mov	%rax, SW(REFLECT_CR2)
	mov	%rcx, SW(REFLECT_ERROR_CODE)
	movq	$X86_TRAP_PF, SW(REFLECT_VECTOR)
	testl	$~(FETCH | USER | WRITE | PRESENT), %ecx
	jnz	.Lreflect_not
	mov	%rax, %rcx
	shr	$32, %rcx
	jnz	.Lreflect_not
	movl	SW(WALK_TOP), %ebx
	testl	%ebx, %ebx
	jz	.Lreflect_not
	cmpb	$0, SW(WALK_PAE)
.Lreflect_start:
	jne	.Lwalk_pae

	read_entry 22, 10, 4
	andl	$(~0xfff | ENTRY_FLAGS), %ebx
	follow_entry
	read_entry 12, 10, 4
	jmp	.Lwalk_present

.Lwalk_pae:
	read_entry 30, 2, 8
	andq	$(~0xfff | LARGE_PAGE), %rbx
	orq	$(USER | WRITE | PRESENT), %rbx	/* which it has no bits for */
	follow_entry
	read_entry 21, 9, 8
	btr	$63, %rbx			/* NX */
	andq	$(~0xfff | ENTRY_FLAGS), %rbx
	follow_entry
	read_entry 12, 9, 8
	btr	$63, %rbx
	jmp	.Lwalk_present

.Lreflect_trap_ring1:
	movl	FRAME_RSP(%rsp), %ebx
	subl	$12, %ebx
	movl	SW(IRQ_ENABLED), %ecx
	push_frame 0, ring=1
	jmp	.Lreflect_trap_flag

.Lreflect_trap_ring3:
	movl	SW(HANDLER_ESP), %ebx
	subl	$20, %ebx
	movl	SW(IRQ_ENABLED), %ecx
	push_frame 0
.Lreflect_trap_flag:
	gate_flag SW(REFLECT_IF_KEEP)
.Lreflect_trap_pushed:
	movl	SW(REFLECT_EIP), %eax
	jmp	.Lreflect_enter

.Lwalk_not_present:
	movl	SW(REFLECT_ERROR_CODE), %ecx
	andl	SW(PAGE_FAULT_BITS), %ecx
	jmp	.Lpage_fault_push

.Lwalk_present:
	mov	%ebx, %ecx
	andl	$ENTRY_FLAGS, %ecx
	cmpl	$(USER | PRESENT), %ecx
	jne	.Lreflect_not
	shr	$12, %rbx
	movl	SW(WALK_LIMIT), %ecx
	cmp	%rcx, %rbx
	jae	.Lreflect_not
	movl	SW(REFLECT_ERROR_CODE), %ecx
	andl	$(USER | WRITE | PRESENT), %ecx
	testb	$WRITE, %cl
	jz	.Lreflect_not
	orl	$PRESENT, %ecx

.Lpage_fault_push:
	movl	SW(HANDLER_ESP), %ebx
	subl	$24, %ebx
	movl	%ecx, (%ebx)
	movl	SW(IRQ_ENABLED), %ecx
	movl	%eax, SW_DATA_CR2(%ecx)
	push_frame 4
	gate_flag SW(PAGE_FAULT_IF_KEEP)
.Lpage_fault_pushed:
	movl	SW(PAGE_FAULT_EIP), %eax
	jmp	.Lreflect_enter

SYM_INNER_LABEL(lg_switcher_breakpoint, SYM_L_GLOBAL)
	ENDBR
	testb	$3, FRAME_CS(%rsp)
	jz	.Lbreakpoint_stub
	borrow_registers
	movq	$X86_TRAP_BP, SW(REFLECT_VECTOR)
	movq	$0, SW(REFLECT_ERROR_CODE)
	movl	SW(BREAKPOINT_EIP), %eax
	movl	SW(BREAKPOINT_IF_KEEP), %ebx
	jmp	.Lreflect_trap

/*
 * C sorts out all but the plainest of debug exceptions, by DR6 in place of an error code.
 * The host must not find a step's bit in there, as the CPU never clears it.
 */
SYM_INNER_LABEL(lg_switcher_debug, SYM_L_GLOBAL)
	ENDBR
	testb	$3, FRAME_CS(%rsp)
	jz	.Ldebug_stub
	borrow_registers
	movq	$X86_TRAP_DB, SW(REFLECT_VECTOR)
	mov	%db6, %rax
	mov	%rax, SW(REFLECT_ERROR_CODE)
	movl	$DR6_RESERVED, %eax
	mov	%rax, %db6
	cmpl	$(DR6_RESERVED ^ DR_STEP), SW(REFLECT_ERROR_CODE)
	jne	.Lreflect_not
	movl	$DR_STEP, SW(DR6)
	movl	SW(DEBUG_EIP), %eax
	movl	SW(DEBUG_IF_KEEP), %ebx

.Lreflect_trap:
	testl	%eax, %eax
	jz	.Lreflect_not
	movl	%eax, SW(REFLECT_EIP)
	movl	%ebx, SW(REFLECT_IF_KEEP)
	testb	$2, FRAME_CS(%rsp)
	jnz	.Lreflect_trap_ring3
	/* Ring 1 may be on a stack whose segment is another. */
	movl	FRAME_SS(%rsp), %eax
	cmpl	SW(HANDLER_SS), %eax
	je	.Lreflect_trap_ring1
	jmp	.Lreflect_not

SYM_INNER_LABEL(lg_switcher_syscall, SYM_L_GLOBAL)
	ENDBR
	borrow_registers
	movq	$0x80, SW(REFLECT_VECTOR)
	movq	$0, SW(REFLECT_ERROR_CODE)
	cmpl	$0, SW(SYSCALL_EIP)
	je	.Lreflect_not
	testb	$2, FRAME_CS(%rsp)
	jz	.Lreflect_not			/* from ring 1 */
.Lreflect_syscall:
	movl	SW(HANDLER_ESP), %ebx
	subl	$20, %ebx
	movl	SW(IRQ_ENABLED), %ecx
	push_frame 0
	gate_flag SW(SYSCALL_IF_KEEP)
.Lreflect_end:
	movl	SW(SYSCALL_EIP), %eax
.Lreflect_enter:
	mov	%rax, FRAME_RIP(%rsp)
	movq	$LG_SWITCH_KERNEL_CS, FRAME_CS(%rsp)
	andl	$~CLEARED_BY_GATE, FRAME_FLAGS(%rsp)
	mov	%rbx, FRAME_RSP(%rsp)
	movl	SW(HANDLER_SS), %eax
	mov	%rax, FRAME_SS(%rsp)
.Lreflect_check:
	/* From here on an NMI returns to this check: see SEAM_HANDLER. */
	cmpw	$0, SW(NMI_PENDING)
	jne	.Lreflect_nmi
	return_registers
.Lreflect_iret:
	iretq

.Lreflect_nmi:
	return_registers
	pushq	$0
	pushq	$SW_VECTOR_NONE
	jmp	.Ltrap

	for_resume
.Lresume_guest:
	resume

/*
 * NMI and machine check, each on a stack of its own. In the guest they are an
 * exit like any other. On the seam they are marked as pending for C, which then lets
 * the host have them; on the way in the guest is not entered any more.
 *
 * The CPU holds back NMIs until the next IRET, and the host's handler counts on
 * that until it has marked itself. So as long as one is pending there is none: where
 * they struck is returned to by a jump.
 *
 * One may interrupt the handler of the other. Then it counts where that one struck,
 * which its frame says, at the top of a stack that ends with a page.
 *
 * A machine check amid a reflection may be of what that reads of the guest's memory,
 * and would be again. So the reflection is given up.
 */
.Lhandlers:
.macro SEAM_HANDLER name:req vector:req pending:req
	.balign 16, 0xcc
SYM_INNER_LABEL(\name, SYM_L_GLOBAL)
	ENDBR
	testb	$3, FRAME_CS(%rsp)
	jnz	.Lfrom_guest_\vector
	/* One word and no more: the next is the host's "NMI executing". */
	push	%rax
	mov	8 + FRAME_RIP(%rsp), %rax
	cmp	$.Lhandlers, %rax
	jb	.Lstruck_\vector
	cmp	$.Lhandlers_end, %rax
	jb	.Lin_handler_\vector
.Lstruck_\vector:
	cmp	$.Lin_guest, %rax
	jb	.Lhost_cr3_\vector
	cmp	$.Lin_end, %rax
	jb	.Lentering_\vector
	cmp	$.Lout_host, %rax
	jae	.Lhost_cr3_\vector
	.if	\vector == X86_TRAP_MC
	cmp	$.Lreflect_start, %rax
	jb	.Lguest_cr3_\vector
	cmp	$.Lreflect_end, %rax
	jae	.Lguest_cr3_\vector
	/* Amid which some have been done, and others have nothing to restart from. */
	cmp	$.Lreflect_trap_pushed, %rax
	jb	.Lreflect_poisoned
	cmp	$.Lwalk_not_present, %rax
	jb	.Lguest_cr3_\vector
	cmp	$.Lpage_fault_pushed, %rax
	jb	.Lreflect_poisoned
	cmp	$.Lreflect_syscall, %rax
	jae	.Lreflect_poisoned
	.endif
.Lguest_cr3_\vector:
	movb	$SW_ON_SEAM, \pending + LG_SWITCH_VA
	mov	8 + FRAME_RIP(%rsp), %rax
	cmp	$.Lreflect_iret, %rax
	ja	.Lresume_guest_\vector
	cmp	$.Lreflect_check, %rax
	jb	.Lresume_guest_\vector
	movq	$.Lreflect_check, 8 + FRAME_RIP(%rsp)
.Lresume_guest_\vector:
	leave_for_resume
	jmp	.Lresume_guest
.Lhost_cr3_\vector:
	movb	$SW_ON_SEAM, \pending(%rdi)
	/* What %rsp is there the host may not have mapped, and nobody needs. */
	cmpq	$.Lout_host, 8 + FRAME_RIP(%rsp)
	je	.Lout_host
	leave_for_resume
	jmp	.Lresume_host
.Lin_handler_\vector:
	mov	8 + FRAME_RSP(%rsp), %rax
	or	$0xfff, %rax
	testb	$3, FRAME_CS - 39(%rax)
	jnz	.Lguest_cr3_\vector
	mov	FRAME_RIP - 39(%rax), %rax
	cmp	$.Lin_guest, %rax
	jb	.Lhost_cr3_\vector
	cmp	$.Lout_host, %rax
	jae	.Lhost_cr3_\vector
	jmp	.Lguest_cr3_\vector
.Lentering_\vector:
	movb	$SW_ON_SEAM, \pending + LG_SWITCH_VA
	jmp	.Labandon
.Lfrom_guest_\vector:
	pushq	$0
	pushq	$\vector
	jmp	.Ltrap
.endm

/* What resume wants, from the frame of a handler with %rax pushed */
.macro leave_for_resume
	mov	8 + FRAME_RSP(%rsp), %rax
	popq	-24(%rax)
	popq	-8(%rax)
	lea	8(%rsp), %rsp
	popq	-16(%rax)
.endm

SEAM_HANDLER lg_switcher_nmi X86_TRAP_NMI SW_NMI_PENDING
SEAM_HANDLER lg_switcher_mce X86_TRAP_MC SW_MCE_PENDING
.Lreflect_poisoned:
	movb	$SW_IN_REFLECTION, SW(MCE_PENDING)
	mov	8 + FRAME_RSP(%rsp), %rax
	jmp	.Lreflect_abandon
.Lhandlers_end:

/* Out: the guest's registers are saved, ours are free. */
	.balign 16, 0xcc
.Lexit:
	/* Ring 1 trains the predictors that ring 0 uses: not under the host's tables. */
	cmpb	$0, SW(BARRIER)
	je	1f
	movl	$MSR_IA32_PRED_CMD, %ecx
	movl	$PRED_CMD_IBPB, %eax
	xorl	%edx, %edx
	wrmsr
1:	mov	SW(SELF), %rdi
	lgdt	SW(HOST_GDTR)
	mov	SW(HOST_CR3), %rax
	mov	%rax, %cr3
.Lout_host:
	mov	SW_HOST_RSP(%rdi), %rsp
	mov	SW_HOST_CR4(%rdi), %rax
	cmp	SW_GUEST_CR4(%rdi), %rax
	je	1f
	mov	%rax, %cr4
1:	cmpb	$0, SW_SET_TS(%rdi)
	je	2f
	clts
2:	swapgs
	mov	$__KERNEL_DS, %eax
	mov	%eax, %ss
	pushq	$X86_EFLAGS_FIXED	/* AC, DF and what else was the guest's */
	popfq
	cmpb	$0, SW_FILL_RSB(%rdi)
	je	3f
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_ALWAYS
	forget_history
3:	lidt	SW_HOST_IDTR(%rdi)
.Lout_done:
	/* The last of the guest's values, lest the host guess with them. */
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%esi, %esi
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	RET

	for_resume
.Lresume_host:
	resume
SYM_FUNC_END(lg_switch_to_guest)
STACK_FRAME_NON_STANDARD lg_switch_to_guest

	.balign 4096, 0xcc
SYM_DATA_START(lg_switcher_end)
	ANNOTATE_NOENDBR
SYM_DATA_END(lg_switcher_end)

/*
 * Overwrites the history by which the CPU chooses among the targets of an indirect
 * branch, with 12 nested calls of 7 turns each: what Intel advises for CPUs with long
 * histories. The loop's RETs are in the second half of a cache line: in the first,
 * some CPUs need a thunk for them.
 */
	.balign 64, 0xcc
SYM_FUNC_START_LOCAL(overwrite_history)
	movl	$12, %ecx
	ANNOTATE_INTRA_FUNCTION_CALL
	call	1f
	lfence
	RET
	.balign 64, 0xcc
	.skip	32 - 5, 0xcc
	ANNOTATE_INTRA_FUNCTION_CALL
1:	call	2f
	RET
	.balign 64, 0xcc
	.skip	32 - 18, 0xcc
2:	movl	$7, %eax
3:	jmp	4f
	nop
4:	subl	$1, %eax
	jnz	3b
	subl	$1, %ecx
	jnz	1b
	RET
SYM_FUNC_END(overwrite_history)
STACK_FRAME_NON_STANDARD overwrite_history

/*
 * void lg_give_to_host(u32 vector): give the host an event that brought the
 * guest out, or that is pending, by its own gate.
 */
SYM_FUNC_START(lg_give_to_host)
	shll	$4, %edi
	lea	lg_host_interrupts(%rip), %rax
	add	%rdi, %rax
	JMP_NOSPEC rax
SYM_FUNC_END(lg_give_to_host)

/*
 * 16 bytes per vector. The frame of an interrupt must say that interrupts are on:
 * some kernels re-arm their timer only on return to such.
 */
	.balign 16, 0xcc
SYM_CODE_START(lg_host_interrupts)
	vector = 0
	.rept	256
	.balign	16, 0xcc
	UNWIND_HINT_FUNC
	ENDBR
	.if	vector >= 32
	sti
	.byte	0xcd, vector
	cli
	.else
	.byte	0xcd, vector
	.endif
	RET
	vector = vector + 1
	.endr
SYM_CODE_END(lg_host_interrupts)
