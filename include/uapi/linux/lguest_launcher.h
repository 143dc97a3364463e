/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_LGUEST_LAUNCHER_H
#define _UAPI_LINUX_LGUEST_LAUNCHER_H

#include <linux/types.h>

/**
 * enum lguest_req - first word of every write(2) to /dev/lguest
 * @LHREQ_INITIALIZE: make the guest; followed by the Launcher's address of
 *	guest-physical 0, the number of guest pages (device pages included),
 *	and the guest-physical entry point; optionally by the page number where
 *	device pages end that follow the guest's pages and have no memory
 * @LHREQ_GETDMA: no longer used
 * @LHREQ_IRQ: raise an interrupt; followed by its number, 0 to 31
 * @LHREQ_BREAK: no longer used
 * @LHREQ_EVENTFD: tie an eventfd to an address the guest notifies; followed
 *	by the guest-physical address and the file descriptor
 * @LHREQ_GETREG: the next read(2) returns a register, a __u32; followed by its
 *	offset in i386's struct user_regs_struct
 * @LHREQ_SETREG: change a general register, EIP or ESP; followed by its offset
 *	and the value
 * @LHREQ_TRAP: the guest's own handler takes a trap; followed by its vector
 *
 * Every word is an unsigned long of the process that writes it. The file
 * offset of the write is the number of the vCPU, of which there is one: 0.
 *
 * The file is of use in the address space that opened it alone, and
 * @LHREQ_INITIALIZE with the credentials that did. EPERM refuses the rest.
 */
enum lguest_req {
	LHREQ_INITIALIZE,
	LHREQ_GETDMA,
	LHREQ_IRQ,
	LHREQ_BREAK,
	LHREQ_EVENTFD,
	LHREQ_GETREG,
	LHREQ_SETREG,
	LHREQ_TRAP,
};

/**
 * struct lguest_pending - what a read(2) of exactly this size returns
 * @trap: 0x1f for a NOTIFY; 13 for an access to a port; 14 for an access to a
 *	device page
 * @insn: the instruction, for 13 and 14, as far as it can be read
 * @addr: the address notified, or the guest-physical address touched
 *
 * A read(2) of any other size only returns the address of a NOTIFY; ports are
 * then emulated by the host as if nothing were there.
 */
struct lguest_pending {
	__u8 trap;
	__u8 insn[7];
	__u32 addr;
};

/* The vring's alignment between the driver's part and the device's part. */
#define LGUEST_VRING_ALIGN	4096

/**
 * struct lguest_device_desc - one device on the lguest bus
 * @type: virtio device id; 0 ends the list
 * @num_vq: number of struct lguest_vqconfig at the start of @config
 * @feature_len: bytes of host features, and again of the guest's
 *	acknowledged ones, that follow the virtqueues
 * @config_len: bytes of virtio configuration space that follow the features
 * @status: virtio status, written by the guest; a write of 0 asks for a reset
 * @config: virtqueues, features, configuration space, in that order
 *
 * The descriptors lie one behind the other in the page just above the guest's
 * RAM.
 */
struct lguest_device_desc {
	__u8 type;
	__u8 num_vq;
	__u8 feature_len;
	__u8 config_len;
	__u8 status;
	__u8 config[];
} __attribute__((packed));

/**
 * struct lguest_vqconfig - one virtqueue of a device
 * @num: number of ring entries
 * @irq: interrupt the Launcher raises for this queue
 * @pfn: guest-physical page number of the vring
 */
struct lguest_vqconfig {
	__u16 num;
	__u16 irq;
	__u32 pfn;
} __attribute__((packed));

#endif /* _UAPI_LINUX_LGUEST_LAUNCHER_H */
