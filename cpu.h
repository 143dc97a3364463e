/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rest of the module asks of the processor. x86/ answers; the KUnit
 * build for UML answers with a processor of its own (tests/kunit/).
 */
#ifndef LG_CPU_H
#define LG_CPU_H

#include <linux/types.h>

struct lguest;
struct lg_root;

/* The entry itself faulted. */
#define LG_VECTOR_ENTRY_FAULT	0x100
/* The guest came out for the host's sake, and nothing is left to do. */
#define LG_VECTOR_NONE		0x101
/* The guest came out with a fault that is not its own: see lg_vcpu_host_fault(). */
#define LG_VECTOR_HOST_FAULT	0x102

/* The memory controller's encryption adds this to every physical address. */
extern u64 lg_pte_encryption;
/* The bit of a paging entry that forbids execution, or 0 without NX. */
extern u64 lg_pte_nx;

int lg_cpu_init(void);
void lg_cpu_exit(void);

int lg_vcpu_init(struct lguest *lg);
void lg_vcpu_free(struct lguest *lg);
void lg_vcpu_load(struct lguest *lg);
void lg_vcpu_put(struct lguest *lg);
bool lg_vcpu_was_away(struct lguest *lg);
void lg_vcpu_enter(struct lguest *lg);
void lg_vcpu_kick_and_wait(struct lguest *lg);
void lg_vcpu_wants_fpu(struct lguest *lg);
void lg_vcpu_update_handlers(struct lguest *lg);
void lg_vcpu_move_stack(struct lguest *lg);
void lg_vcpu_update_walk(struct lguest *lg);
void lg_vcpu_host_fault(struct lguest *lg);
bool lg_vcpu_fault_in_segment_load(struct lguest *lg);
u32 lg_cpu_tsc_khz(void);
bool lg_cpu_has_umip(void);
bool lg_vcpu_read_tsc(struct lguest *lg, u64 *tsc);

int lg_root_map_upper(struct lguest *lg, struct lg_root *root);
void lg_root_unmap_upper(struct lg_root *root);

#endif /* LG_CPU_H */
