// SPDX-License-Identifier: GPL-2.0
/* See fuzz.h. A guest of 4.x: registers, BARs, the window and instructions */
#include "fuzz.h"

#include <linux/pci_regs.h>

#define SLOTS		7	/* one more than there are */
#define QUEUES		3	/* of the device that has most */

static __u32 bar(unsigned int slot)
{
	return config_in(slot, PCI_BASE_ADDRESS_0, 4);
}

/* A register of struct virtio_pci_common_cfg, mostly with its own size */
static void any_common(unsigned int slot)
{
	static const struct { __u8 at, size; } fields[] = {
		{ 0, 4 }, { 8, 4 }, { 12, 4 }, { 16, 2 }, { 20, 1 }, { 22, 2 },
		{ 24, 2 }, { 26, 2 }, { 28, 2 }, { 32, 4 }, { 36, 4 }, { 40, 4 },
		{ 44, 4 }, { 48, 4 }, { 52, 4 },
	};
	unsigned int i = below(ARRAY_SIZE(fields));
	unsigned int size = below(20) ? fields[i].size : any_size();
	bool is_address = fields[i].at >= 32;

	if (below(2))
		memory_write(bar(slot) + fields[i].at, size,
			     !is_address || !below(200) ? any_value() :
			     fields[i].at & 4 ? 0 : below(FUZZ_RAM / 32) * 16);
	else
		memory_read(bar(slot) + fields[i].at, size);
}

static void common(unsigned int slot, unsigned int at, unsigned int size, __u32 value)
{
	memory_write(bar(slot) + at, size, value);
}

static void fill_queue(enum fuzz_device device, unsigned int queue, __u32 desc_at,
		       __u32 avail_at)
{
	struct vring_desc *desc = guest_ram(desc_at & -16, 16 * sizeof(*desc));
	__u16 *avail = guest_ram(avail_at & -2, 20 * sizeof(*avail));

	if (desc && avail)
		fill_ring(device, queue, desc, avail);
}

static void bring_up(enum fuzz_device device)
{
	__u32 at_of[QUEUES][3];

	common(device, 20, 1, 0);
	common(device, 20, 1, 3);
	common(device, 8, 4, 0);
	common(device, 12, 4, device == BALLOON ? 2 : 0);
	common(device, 8, 4, 1);
	common(device, 12, 4, 1);
	common(device, 20, 1, 11);
	for (unsigned int i = 0; i < QUEUES; i++) {
		common(device, 22, 2, i);
		common(device, 24, 2, 1 << below(10));
		for (unsigned int at = 32; at < 56; at += 8) {
			__u32 gpa = below(200) ? below(FUZZ_RAM / 32) * 16 : any_value();

			at_of[i][at / 8 - 4] = gpa;
			common(device, at, 4, gpa);
			common(device, at + 4, 4, below(200) ? 0 : any_value());
		}
		common(device, 28, 2, 1);
	}
	common(device, 20, 1, 15);
	for (unsigned int rounds = below(4); rounds; rounds--) {
		unsigned int i = below(device == BALLOON ? QUEUES : 2);

		fill_queue(device, i, at_of[i][0], at_of[i][1]);
		memory_write(bar(device) + 0x400 + i * 4, 2, i);
	}
}

static void kick(unsigned int slot)
{
	memory_write(bar(slot) + 0x400 + below(3) * 4, any_size(), any_value());
}

static void any_instruction(void)
{
	__u8 insn[7];

	for (unsigned int i = 0; i < sizeof(insn); i++)
		insn[i] = any();
	for (unsigned int i = 0; i < ARRAY_SIZE(machine_registers); i++)
		machine_registers[i] = any_value();
	if (below(2))
		insn_port(insn);
	else
		insn_memory(insn, below(2) ? any() : bar(1 + below(3)) + below(4096));
}

static void step(void)
{
	unsigned int slot = below(SLOTS);

	switch (below(9)) {
	case 0:
		config_in(slot, any(), any_size());
		break;
	case 1:
		config_out(slot, below(4) ? 0x40 + below(0x60) : any(), any_size(),
			   any_value());
		break;
	case 2:
		port_out(0xcf8 + below(8), any_size(), any_value());
		break;
	case 3:
		port_in(below(4) ? 0xcf8 + below(8) : any(), any_size());
		break;
	case 4:
		any_instruction();
		break;
	case 5:
		memory_write(bar(slot) + below(4096), any_size(), any_value());
		break;
	case 6:
		memory_read(bar(slot) + below(4096), any_size());
		break;
	case 7:
		kick(slot);
		break;
	default:
		any_common(slot);
	}
}

const struct fuzz_bus fuzz_pci = {
	.name = "a PCI bus",
	.bus = &virtio_pci,
	.step = step,
	.bring_up = bring_up,
};
