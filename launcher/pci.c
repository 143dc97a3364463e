// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI bus, of guests from 4.0 on: configuration mechanism 1 (PCI Local Bus
 * Specification 3.0, section 3.2.2.3.2), and where the BARs of the functions are. On bus 0
 * there are a host bridge and then the devices, each with one BAR of one page.
 *
 * The vCPU's thread alone comes here.
 */
#include "launcher.h"

#include <linux/pci_regs.h>

#define SLOTS			32
#define CONFIG_ADDRESS		0xcf8
#define CONFIG_DATA		0xcfc
#define CONFIG_ENABLE		0x80000000

/* Between RAM and the BARs, for what a guest itself has to place. */
#define GAP			0x100000U
#define BAR_SIZE		((__u32)PAGE_SIZE)

#define CLASS_HOST_BRIDGE	0x060000U
/* Red Hat, and a host bridge of theirs: none that Linux has a driver or a quirk for */
#define BRIDGE_ID		0x00081b36

static struct pci_function bridge, *slots[SLOTS] = { &bridge };
static unsigned int used_slots = 1;
static __u32 config_address;

static __u64 first_bar(void)
{
	return ((guest_ram_size() + GAP - 1) & -(__u64)GAP) + GAP;
}

/**
 * pci_set() - set a register of the configuration space
 * @fn: whose
 * @at: its offset, a multiple of 4
 * @value: what it has
 * @writable: the bits that a guest may change
 */
void pci_set(struct pci_function *fn, unsigned int at, __u32 value, __u32 writable)
{
	fn->config[at / 4] = value;
	fn->writable[at / 4] = writable;
}

/** pci_create() - the bus, with its host bridge */
void pci_create(void)
{
	if (first_bar() + SLOTS * BAR_SIZE > 1ULL << 32)
		die("a guest with a PCI bus has at most 4094 MB of memory");
	/* Linux believes in a bus that has one. */
	pci_set(&bridge, PCI_VENDOR_ID, BRIDGE_ID, 0);
	pci_set(&bridge, PCI_CLASS_REVISION, CLASS_HOST_BRIDGE << 8, 0);
}

/**
 * pci_add() - put a function into the next slot
 * @fn: its registers, but for those of the BAR and the interrupt, which are set here
 *
 * The interrupt is the slot's number: Linux takes it from the Interrupt Line.
 */
void pci_add(struct pci_function *fn)
{
	__u32 address = first_bar() + (used_slots - 1) * BAR_SIZE;

	if (used_slots == SLOTS)
		die("too many devices");
	fn->irq = used_slots;
	pci_set(fn, PCI_COMMAND, PCI_STATUS_CAP_LIST << 16 | PCI_COMMAND_MEMORY,
		PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_set(fn, PCI_CACHE_LINE_SIZE, 0, 0xffff);	/* and the latency timer */
	pci_set(fn, PCI_BASE_ADDRESS_0, address, -BAR_SIZE);
	pci_set(fn, PCI_INTERRUPT_LINE, 1 << 8 | fn->irq, 0xff);
	slots[used_slots++] = fn;
}

/**
 * pci_device_pages() - where the device pages end
 *
 * Return: the number of the page behind the last.
 */
__u32 pci_device_pages(void)
{
	return first_bar() / PAGE_SIZE + used_slots - 1;
}

/**
 * pci_bar() - where a function's BAR is
 * @fn: the function
 *
 * Return: the address; 0 if it is not in a device page, or not to be seen there.
 */
__u32 pci_bar(const struct pci_function *fn)
{
	__u32 address = fn->config[PCI_BASE_ADDRESS_0 / 4];

	if (!(fn->config[PCI_COMMAND / 4] & PCI_COMMAND_MEMORY) ||
	    address < guest_ram_size() || address / PAGE_SIZE >= pci_device_pages())
		return 0;
	return address;
}

/* The function that is addressed, and the register */
static struct pci_function *addressed(unsigned int *at)
{
	*at = config_address & 0xfc;
	/* Neither another bus, nor another function of a slot */
	if (!(config_address & CONFIG_ENABLE) || config_address & 0xff0700)
		return NULL;
	return slots[config_address >> 11 & (SLOTS - 1)];
}

static __u32 config_read(struct pci_function *fn, unsigned int at)
{
	if (fn->ops && at == fn->window)
		return fn->ops->window_read(fn);
	return fn->config[at / 4];
}

/* What find_bar() would find first is told last. */
static void bars_moved(void)
{
	for (unsigned int i = used_slots - 1; i; i--)
		slots[i]->ops->moved(slots[i]);
}

static void config_write(struct pci_function *fn, unsigned int at, __u32 value,
			 __u32 mask)
{
	__u32 *reg = &fn->config[at / 4];

	mask &= fn->writable[at / 4];
	*reg = (*reg & ~mask) | (value & mask);
	if (!fn->ops)
		return;
	if (at == fn->window)
		fn->ops->window_write(fn, *reg);
	else if (at == PCI_BASE_ADDRESS_0 || at == PCI_COMMAND)
		bars_moved();
}

/**
 * pci_port_read() - in
 * @port: the port
 * @size: bytes
 * @value: what is read, if it is a port of the bus
 *
 * Return: false if it is not.
 */
bool pci_port_read(__u16 port, unsigned int size, __u32 *value)
{
	unsigned int shift = (port & 3) * 8, at;
	struct pci_function *fn;

	/* None of them crosses a register's end. */
	if ((port & 3) + size > 4)
		return false;
	switch (port & ~3) {
	case CONFIG_ADDRESS:
		*value = config_address >> shift;
		return true;
	case CONFIG_DATA:
		fn = addressed(&at);
		*value = fn ? config_read(fn, at) >> shift : ~0U;
		return true;
	default:
		return false;
	}
}

/**
 * pci_port_write() - out
 * @port: the port
 * @size: bytes
 * @value: what is written
 *
 * It has no effect if it is not a port of the bus.
 */
void pci_port_write(__u16 port, unsigned int size, __u32 value)
{
	unsigned int shift = (port & 3) * 8, at;
	__u32 mask = bytes_mask(size) << shift;
	struct pci_function *fn;

	if ((port & 3) + size > 4)
		return;
	value <<= shift;
	switch (port & ~3) {
	case CONFIG_ADDRESS:
		config_address = (config_address & ~mask) | (value & mask);
		break;
	case CONFIG_DATA:
		fn = addressed(&at);
		if (fn)
			config_write(fn, at, value, mask);
		break;
	}
}

/* The function whose BAR is there, and the offset in that. No device page is at 0. */
static struct pci_function *find_bar(__u32 gpa, unsigned int *at)
{
	for (unsigned int i = 1; i < used_slots; i++) {
		*at = gpa - pci_bar(slots[i]);
		if (*at < BAR_SIZE)
			return slots[i];
	}
	return NULL;
}

/**
 * pci_memory_read() - a load from a device page
 * @gpa: the address
 * @size: bytes: 1, 2 or 4
 *
 * Return: the value; all-ones where there is nothing.
 */
__u32 pci_memory_read(__u32 gpa, unsigned int size)
{
	unsigned int at;
	struct pci_function *fn = find_bar(gpa, &at);

	return fn ? fn->ops->read(fn, at, size) : ~0U;
}

/**
 * pci_memory_write() - a store to a device page
 * @gpa: the address
 * @size: bytes: 1, 2 or 4
 * @value: what is stored
 */
void pci_memory_write(__u32 gpa, unsigned int size, __u32 value)
{
	unsigned int at;
	struct pci_function *fn = find_bar(gpa, &at);

	if (fn)
		fn->ops->write(fn, at, size, value);
}
