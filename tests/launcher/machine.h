/* SPDX-License-Identifier: GPL-2.0 */
/* A machine without a guest: what the Launcher would have of /dev/lguest and a terminal. */
#ifndef TESTS_LAUNCHER_MACHINE_H
#define TESTS_LAUNCHER_MACHINE_H

#include "launcher.h"

/* By offsets of i386's struct user_regs_struct */
extern __u32 machine_registers[17];
/* A bit for each interrupt that was raised */
extern unsigned int machine_interrupts;
/* The eventfd that is tied to an address, or -1 */
int machine_eventfd(__u32 gpa);
/* What went to the terminal, as much as there is room for */
extern char machine_output[64];
extern unsigned int machine_output_len;
/* Nobody reads it any more */
extern bool machine_output_blocks;

/* The other end of the network card's cable, and whether it is up */
extern int machine_network;
extern bool machine_network_up;

/* RAM of so many bytes, a console, a disk, random numbers, a network card, a balloon */
void machine_create(const struct bus *bus, __u64 ram_size, const char *disk);

/* A port access and one to memory, by the instructions */
__u32 port_in(__u16 port, unsigned int size);
void port_out(__u16 port, unsigned int size, __u32 value);
__u32 memory_read(__u32 gpa, unsigned int size);
void memory_write(__u32 gpa, unsigned int size, __u32 value);

/* A register of a function's configuration space */
__u32 config_in(unsigned int slot, unsigned int at, unsigned int size);
void config_out(unsigned int slot, unsigned int at, unsigned int size, __u32 value);

#endif /* TESTS_LAUNCHER_MACHINE_H */
