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
 * The order of the parts matters to the handlers of NMI and machine check,
 * which tell by the address where they struck:
 *
 *	lg_switch_to_guest	host's cr3, our IDT	%rdi = struct lg_switch
 *	.Lin_guest		guest's cr3, not yet in the guest
 *	stubs, system call	guest's cr3
 *	.Lexit			guest's cr3, leaving
 *	.Lout_host		host's cr3, our IDT	%rdi = struct lg_switch
 *	.Lout_done		the host
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

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

/* What reflecting a system call has borrowed */
.macro syscall_registers
	mov	SW(SCRATCH_RAX), %rax
	mov	SW(SCRATCH_RBX), %rbx
	mov	SW(SCRATCH_RCX), %rcx
.endm

	.section .text.switcher, "ax", @progbits
	.balign 4096, 0xcc
SYM_DATA_START(lg_switcher_start)
	ANNOTATE_NOENDBR
SYM_DATA_END(lg_switcher_start)

/*
 * void lg_switch_to_guest(struct lg_switch *sw), interrupts off
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
1:	cmpb	$0, SW_CLEAR_BUFFERS(%rdi)
	je	2f
	movw	$__KERNEL_DS, SW_FAULT_VECTOR(%rdi)
	verw	SW_FAULT_VECTOR(%rdi)
2:	mov	SW_GUEST_CR4(%rdi), %rax
	cmp	SW_HOST_CR4(%rdi), %rax
	je	3f
	mov	%rax, %cr4
3:	mov	SW_GUEST_CR3(%rdi), %rax
	mov	%rax, %cr3
.Lin_guest:
	/* One that struck before has only left a note. */
	cmpw	$0, SW(NMI_PENDING)	/* and MCE_PENDING */
	jne	.Labandon
	/* What faults from here on pushes below the frame that is there. */
	mov	$SW(EIP), %rsp
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
 * Ring 0 faulted: at the guest's memory while a system call was reflected, at a
 * selector of the guest's on the way in, or by a bug of ours. %rax and %rbx
 * are free in all these places.
 */
.Lring0:
	mov	16 + FRAME_RIP(%rsp), %rax
	lea	.Lsyscall_push(%rip), %rbx
	cmp	%rbx, %rax
	jb	1f
	lea	.Lsyscall_pushed(%rip), %rbx
	cmp	%rbx, %rax
	jb	.Lsyscall_undone
1:	mov	%rax, SW(FAULT_RIP)
	pop	%rbx
	movl	%ebx, SW(FAULT_VECTOR)
	pop	%rbx
	movl	%ebx, SW(FAULT_ERROR_CODE)
	lea	.Lsyscall_iret(%rip), %rbx
	cmp	%rbx, %rax
	je	.Lsyscall_lost
	movl	$SW_VECTOR_ENTRY_FAULT, SW(VECTOR)
	jmp	.Lexit

.Lsyscall_undone:
	/* Nothing has changed but the guest's free stack: C does it. */
	mov	16 + FRAME_RSP(%rsp), %rsp
	syscall_registers
	pushq	$0
	pushq	$0x80
	jmp	.Ltrap

.Lsyscall_lost:
	/* Reflected, but the handler can't be entered: the guest is there. */
	mov	FRAME_RSP(%rsp), %rsp
	syscall_registers
	pushq	$0
	pushq	$SW_VECTOR_ENTRY_FAULT
	jmp	.Ltrap

/*
 * A system call of the guest's ring 3 goes to its handler in ring 1 without
 * leaving the guest's tables: the frame is pushed on the guest's stack by
 * 32-bit arithmetic, and the one here changed to lead to the handler. The
 * guest's interrupt flag is a word that its kernel has mapped, and is read and,
 * by an interrupt gate, cleared there.
 */
	.balign 16, 0xcc
SYM_INNER_LABEL(lg_switcher_syscall, SYM_L_GLOBAL)
	ENDBR
	mov	%rax, SW(SCRATCH_RAX)
	mov	%rbx, SW(SCRATCH_RBX)
	mov	%rcx, SW(SCRATCH_RCX)
	movl	SW(SYSCALL_EIP), %eax
	testl	%eax, %eax
	jz	.Lsyscall_slow
	testb	$2, FRAME_CS(%rsp)
	jz	.Lsyscall_slow			/* from ring 1 */
	movl	SW(SYSCALL_ESP), %ebx
	subl	$20, %ebx
	movl	SW(SYSCALL_IF), %ecx
.Lsyscall_push:
	movl	FRAME_RIP(%rsp), %eax
	movl	%eax, (%ebx)
	movl	FRAME_CS(%rsp), %eax
	movl	%eax, 4(%ebx)
	/* IF, which in the CPU is always set, as the guest has it */
	movl	(%ecx), %eax
	andl	$X86_EFLAGS_IF, %eax
	xorl	$X86_EFLAGS_IF, %eax
	xorl	FRAME_FLAGS(%rsp), %eax
	movl	%eax, 8(%ebx)
	movl	FRAME_RSP(%rsp), %eax
	movl	%eax, 12(%ebx)
	movl	FRAME_SS(%rsp), %eax
	movl	%eax, 16(%ebx)
	/* The last thing that may fault */
	movl	SW(SYSCALL_IF_KEEP), %eax
	andl	%eax, (%ecx)
.Lsyscall_pushed:
	movl	SW(SYSCALL_EIP), %eax
	mov	%rax, FRAME_RIP(%rsp)
	movq	$LG_SWITCH_KERNEL_CS, FRAME_CS(%rsp)
	andl	$~CLEARED_BY_GATE, FRAME_FLAGS(%rsp)
	mov	%rbx, FRAME_RSP(%rsp)
	movl	SW(SYSCALL_SS), %eax
	mov	%rax, FRAME_SS(%rsp)
.Lsyscall_check:
	/* From here on an NMI returns to this check: see SEAM_HANDLER. */
	cmpw	$0, SW(NMI_PENDING)
	jne	.Lsyscall_nmi
	syscall_registers
.Lsyscall_iret:
	iretq

.Lsyscall_nmi:
	syscall_registers
	pushq	$0
	pushq	$SW_VECTOR_NONE
	jmp	.Ltrap

.Lsyscall_slow:
	syscall_registers
	pushq	$0
	pushq	$0x80
	jmp	.Ltrap

/*
 * NMI and machine check, each on a stack of its own. In the guest they are an
 * exit like any other. On the seam they leave a note for C, which then lets
 * the host have them; on the way in the guest is not entered any more.
 */
.macro SEAM_HANDLER name:req vector:req pending:req
	.balign 16, 0xcc
SYM_INNER_LABEL(\name, SYM_L_GLOBAL)
	ENDBR
	testb	$3, FRAME_CS(%rsp)
	jnz	.Lfrom_guest_\vector
	/* One word and no more: the next is the host's "NMI executing". */
	push	%rax
	lea	.Lin_guest(%rip), %rax
	cmp	%rax, 8 + FRAME_RIP(%rsp)
	jb	.Lhost_cr3_\vector
	lea	.Lin_end(%rip), %rax
	cmp	%rax, 8 + FRAME_RIP(%rsp)
	jb	.Lentering_\vector
	lea	.Lout_host(%rip), %rax
	cmp	%rax, 8 + FRAME_RIP(%rsp)
	jae	.Lhost_cr3_\vector
	movb	$1, \pending + LG_SWITCH_VA
	lea	.Lsyscall_iret(%rip), %rax
	cmp	%rax, 8 + FRAME_RIP(%rsp)
	ja	.Lback_\vector
	lea	.Lsyscall_check(%rip), %rax
	cmp	%rax, 8 + FRAME_RIP(%rsp)
	jb	.Lback_\vector
	mov	%rax, 8 + FRAME_RIP(%rsp)
.Lback_\vector:
	pop	%rax
	iretq
.Lhost_cr3_\vector:
	movb	$1, \pending(%rdi)
	jmp	.Lback_\vector
.Lentering_\vector:
	movl	$\vector, SW(VECTOR)
	jmp	.Lexit
.Lfrom_guest_\vector:
	pushq	$0
	pushq	$\vector
	jmp	.Ltrap
.endm

SEAM_HANDLER lg_switcher_nmi 2 SW_NMI_PENDING
SEAM_HANDLER lg_switcher_mce 18 SW_MCE_PENDING

/* Out: the guest's registers are saved, ours are free. */
	.balign 16, 0xcc
.Lexit:
	mov	SW(SELF), %rdi
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
	cmpb	$0, SW_BARRIER(%rdi)
	je	3f
	/* Ring 1 trains the predictors that ring 0 uses. */
	movl	$MSR_IA32_PRED_CMD, %ecx
	movl	$PRED_CMD_IBPB, %eax
	xorl	%edx, %edx
	wrmsr
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_ALWAYS
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
SYM_FUNC_END(lg_switch_to_guest)
STACK_FRAME_NON_STANDARD lg_switch_to_guest

	.balign 4096, 0xcc
SYM_DATA_START(lg_switcher_end)
SYM_DATA_END(lg_switcher_end)

/*
 * void lg_host_interrupts[](void): give the host an interrupt that brought the
 * guest out, by its own gate, 16 bytes per vector. The frame must say that
 * interrupts are on: some kernels re-arm their timer only on return to such.
 */
	.text
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
