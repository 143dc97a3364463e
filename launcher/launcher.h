/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the Launcher know of each other.
 *
 * A reading order: main.c (what the user wants), guest_memory.c, kernel_image.c and
 * kernel_check.c (laying out a machine), guest.c and panic.c (running it), bus.c and
 * virtqueue.c (how it talks to devices), then the devices themselves.
 */
#ifndef LGUEST_LAUNCHER_H
#define LGUEST_LAUNCHER_H

#include <linux/types.h>
#include <linux/virtio_ring.h>
#include <linux/lguest_launcher.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#define PAGE_SIZE	4096UL
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define __noreturn	__attribute__((__noreturn__))
#define __printf(a, b)	__attribute__((__format__(printf, a, b)))

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

/*
 * The guest may change its memory while we look at it: we have to check the very
 * copy that we then use, so we read exactly once.
 */
#define READ_ONCE(x)	(*(const volatile typeof(x) *)&(x))

/* main.c */
void __printf(2, 3) __noreturn quit(int status, const char *fmt, ...);

/* Errors name the file or device, and end in "%m" where errno is the cause. */
#define die(fmt, ...)	quit(1, fmt, ##__VA_ARGS__)

/* guest_memory.c */
void guest_memory_create(__u64 ram_size);
void *guest_memory_base(void);
unsigned long guest_memory_pages(void);
__u64 guest_ram_size(void);
void *guest_ram(__u64 gpa, __u64 len);
void *guest_alloc_device_pages(size_t len);
__u32 guest_address(const void *p);

/* kernel_check.c */
struct setup_header;
void check_bzimage(const char *name, const struct setup_header *hdr,
		   const char *setup, size_t size);

#define VERSION_LEN_MAX	64

struct vmlinux_strings {
	char version[VERSION_LEN_MAX + 1];
	bool lguest;
};

void scan_vmlinux(struct vmlinux_strings *found, const char *segment, size_t len);
void check_vmlinux(const char *name, const struct vmlinux_strings *found);

/* kernel_image.c */
__u32 load_guest(const char *kernel, const char *initrd, const char *cmdline);

/* guest.c */
void guest_initialize(const char *device, __u32 start);
void guest_attach_eventfd(__u32 gpa, int fd);
void guest_interrupt(unsigned int irq);
void __noreturn guest_run(char **argv, int panic_timeout);

/* panic.c */
int panic_timeout(const char *cmdline);

/* terminal.c */
void terminal_start(void);
void terminal_restore(void);
int terminal_input(void);
void terminal_write(const void *buf, size_t len);

/* virtqueue.c */
#define VQ_MAX_ENTRIES	256

struct device;

struct virtqueue {
	/* Set by the device before bus_add(). */
	unsigned int num;
	void (*serve)(struct virtqueue *vq);

	struct device *dev;
	struct vring vring;
	unsigned int irq;
	int eventfd;
	pthread_t thread;
	bool stop;
	bool used_unannounced;
	__u16 last_avail;
	__u16 used_idx;
};

/* One request of the guest: buffers for us to read, then some to write. */
struct vq_chain {
	__u16 head;
	unsigned int out_num;
	unsigned int in_num;
	struct iovec *out;
	struct iovec *in;
	struct iovec iov[VQ_MAX_ENTRIES];
};

void vq_init(struct virtqueue *vq, struct device *dev, unsigned int irq);
void vq_attach(struct virtqueue *vq);
void vq_start(struct virtqueue *vq);
void vq_stop(struct virtqueue *vq);
bool vq_next(struct virtqueue *vq, struct vq_chain *chain);
void vq_used(struct virtqueue *vq, const struct vq_chain *chain, __u32 len);
void vq_interrupt(struct virtqueue *vq);
bool vq_wait_input(struct virtqueue *vq, int fd);
void __printf(2, 3) __noreturn vq_bad_guest(const struct virtqueue *vq,
					    const char *fmt, ...);
__u64 iov_length(const struct iovec *iov, unsigned int num);
size_t iov_read(struct iovec *iov, unsigned int num, void *dst, size_t len);
size_t iov_write(struct iovec *iov, unsigned int num, const void *src,
		 size_t len);
void iov_skip(struct iovec *iov, unsigned int num, size_t len);

/* bus.c */
struct device {
	/* Set by the device before bus_add(). */
	const char *name;
	__u8 type;
	__u8 num_vq;
	__u32 features;
	struct virtqueue vq[2];
	/* Called with the features that the guest chose; may be NULL. */
	void (*configure)(struct device *dev, __u32 features);

	struct device *next;
	struct lguest_device_desc *desc;
	__u8 *guest_features;
	bool running;
};

void bus_create(void);
void bus_add(struct device *dev, const void *config, __u8 config_len);
void bus_attach(void);
bool bus_notify(__u32 gpa);
void bus_stop(void);

/* The devices: each adds itself to the bus. */
void console_create(void);
void block_create(const char *spec);
void net_create(const char *spec);
void rng_create(void);

#endif /* LGUEST_LAUNCHER_H */
