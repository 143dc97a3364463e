/* SPDX-License-Identifier: GPL-2.0 */
/* A hostile guest: what it does on any bus, and what there is to do on each */
#ifndef TESTS_LAUNCHER_FUZZ_H
#define TESTS_LAUNCHER_FUZZ_H

#include "machine.h"
#include "random.h"

#define FUZZ_RAM	(4 << 20)

/* The devices of machine_create(), as PCI's slots have them */
enum fuzz_device { CONSOLE = 1, DISK, RNG, NET, BALLOON, DEVICES_END };

/**
 * struct fuzz_bus - a bus, and what a guest does there
 * @name: of it
 * @bus: it
 * @begin: called once there are devices; may be NULL
 * @step: do one thing; what is the same on each bus is not its business
 * @bring_up: as a driver would, up to requests, in sensible and other places
 */
struct fuzz_bus {
	const char *name;
	const struct bus *bus;
	void (*begin)(void);
	void (*step)(void);
	void (*bring_up)(enum fuzz_device device);
};

extern const struct fuzz_bus fuzz_pci, fuzz_lguest;

/* A number, often one that is near a limit */
__u32 any_value(void);
/* One of 64 bits, as often one of 32 */
__u64 any_address(void);
/* @usual, but not once in a thousand times */
__u64 mostly(__u64 usual, __u64 other);
/* 1, 2 or 4 */
unsigned int any_size(void);

/* Requests that may make sense: chains of a few descriptors of few bytes each */
void fill_ring(enum fuzz_device device, unsigned int queue, struct vring_desc *desc,
	       __u16 *avail);
/* What looks like a descriptor */
struct vring_desc any_descriptor(void);

#endif /* TESTS_LAUNCHER_FUZZ_H */
