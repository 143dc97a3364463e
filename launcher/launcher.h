/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the Launcher know of each other.
 *
 * There are two processes. The parent: main.c, options.c and host_check.c (what the user wants),
 * supervisor.c (a process for each life of the guest), panic.c and stop.c (when it starts
 * again, how it is asked to stop), terminal.c, hub.c, control.c and loop.c. The guest's:
 * machine.c, host_memory.c, guest_memory.c, kernel_image.c and kernel_check.c (laying out a
 * machine), sandbox.c, guest.c and run.c (running it), device.c and virtqueue.c (what a device
 * is), lguest_bus.c, or pci.c, virtio_pci.c and insn.c (how the guest finds it and talks to
 * it), then the devices themselves, disk.c, disk_*.c and libnbd_load.c (what a disk is made
 * of), net_tap.c with tap.c and net_user.c with passt*.c (what a network card is plugged into),
 * p9_server.c (who serves a directory), keeper.c (a process for somebody else's program), and
 * watch.c (what changes outside). Between the two: stream.c, shared.c. Of both: quit.c.
 */
#ifndef LGUEST_LAUNCHER_H
#define LGUEST_LAUNCHER_H

#include <linux/types.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_console.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <linux/lguest_launcher.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

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

/* The bits of an access of so many bytes, from 1 to 4 */
static inline __u32 bytes_mask(unsigned int size)
{
	return ~0U >> (4 - size) * 8;
}

/* How the Launcher ends */
enum {
	EXIT_POWERED_OFF,
	EXIT_FAILED,		/* the Launcher, or what it was given */
	EXIT_USAGE,
	EXIT_DIED,		/* the guest */
	EXIT_ENDED,		/* it was, by the user */
	/* How a guest's process ends, which the parent makes one of the others of */
	EXIT_REBOOTED,
	EXIT_PANICKED,
};

/* quit.c */
void __printf(2, 3) __noreturn quit(int status, const char *fmt, ...);

/* Errors name the file or device, and end in "%m" where errno is the cause. */
#define die(fmt, ...)	quit(EXIT_FAILED, fmt, ##__VA_ARGS__)

/* guest_memory.c */
void guest_memory_create(__u64 ram_size);
void guest_memory_no_huge_pages(void);
bool guest_memory_free(__u64 gpa, __u64 len);
void *guest_memory_base(void);
unsigned long guest_pages(void);
__u64 guest_ram_size(void);
void *guest_ram(__u64 gpa, __u64 len);
void *guest_alloc_device_pages(size_t len);
__u32 guest_address(const void *p);

/* host_check.c */
int host_check(const char *device);

/* host_memory.c */
__u64 host_memory_available(void);
void host_memory_check(__u64 ram_size);
void host_memory_begin(void);
const char *host_memory_why(void);

/* kernel_check.c */
struct setup_header;

/* A version of Linux. 0 stands for one that the file does not tell. */
#define LINUX_VERSION(a, b, c)	((a) << 16 | (b) << 8 | (c))

__u32 check_bzimage(const char *name, const struct setup_header *hdr, const char *setup,
		    size_t size);

#define VERSION_LEN_MAX	64

struct vmlinux_strings {
	char version[VERSION_LEN_MAX + 1];
	bool lguest;
};

void scan_vmlinux(struct vmlinux_strings *found, const char *segment, size_t len);
__u32 check_vmlinux(const char *name, const struct vmlinux_strings *found);

/* kernel_image.c */
__u32 load_guest(const char *kernel, const char *initrd, __u32 *version);
void load_command_line(const char *cmdline);

/* guest.c */
void guest_initialize(const char *device, __u32 start);
void guest_attach_eventfd(__u32 gpa, int fd);
void guest_interrupt(unsigned int irq);
ssize_t guest_read(void *buf, size_t len);

/* Registers, as LHREQ_GETREG names them: by offsets in i386's struct user_regs_struct */
#define GUEST_EDX	8
#define GUEST_EIP	48

extern const __u8 guest_general[8];

__u32 guest_register(unsigned int offset);
void guest_set_register(unsigned int offset, __u32 value);
bool guest_trap(unsigned int vector);

/* run.c */
void __noreturn run_guest(void);

/* machine.c */
struct bus;

/**
 * struct machine - what the user wants
 * @kernel: file name
 * @initrd: file name, or NULL
 * @words: command line of the kernel
 * @memory: bytes of RAM
 * @huge_pages: of the host's may be its memory
 * @bus: on which devices are; NULL if the kernel's version tells
 * @device: file name of /dev/lguest
 * @reboots: start a guest that reboots again
 * @panic_timeout: from panic_timeout()
 * @timeout: seconds until it is ended, or 0
 * @sandbox: its process gives up what it does not need
 * @user: and has this user's rights; NULL for ours
 */
struct machine {
	const char *kernel;
	const char *initrd;
	const char *words;
	__u64 memory;
	bool huge_pages;
	const struct bus *bus;
	const char *device;
	bool reboots;
	int panic_timeout;
	unsigned int timeout;
	bool sandbox;
	const char *user;
};

int machine_check(const struct machine *machine);
void __noreturn machine_run(const struct machine *machine, int channel);

/* options.c */

/**
 * struct options - what the user says on the command line
 * @machine: the guest; its words are set later
 * @name: of the guest, or NULL
 * @console: where its console is to be; NULL if the user does not say
 * @detached: in the background
 * @balloon: it has one
 * @keep: how much it is to keep then, as he says it; NULL if he does not
 * @words: behind the kernel
 */
struct options {
	/* By the caller: whether it does without a kernel, which is NULL then */
	bool kernel_is_optional;
	/* What the user said */
	struct machine machine;
	const char *name;
	const char *console;
	bool detached;
	bool balloon;
	const char *keep;
	char **words;
};

int options_parse(struct options *options, int argc, char **argv);
__u64 parse_memory(const char *option, const char *arg);

/* panic.c */
int panic_timeout(const char *cmdline);

/* supervisor.c */

/* What the parent has a guest's process do */
enum command {
	COMMAND_WINDOW,		/* look at the window's size */
	COMMAND_DISKS,		/* look at the disks' sizes */
	COMMAND_BALLOON,	/* let the guest keep as much as is wanted now */
	COMMAND_STATISTICS,	/* have the guest tell of its memory */
};

void __noreturn supervise(const struct machine *machine);
void __noreturn supervisor_end(int status, const char *why);
void __noreturn supervisor_kill(const char *why);
void supervisor_stop(void);
void supervisor_pause(bool pause);
void supervisor_tell(enum command what);

struct supervisor_status {
	const struct machine *machine;
	const char *state;
	pid_t child;
	unsigned int lives;
	__u64 age_ms;		/* of the present life */
};

struct supervisor_status supervisor_status(void);

/* control.c */
char *control_log(const char *name);
void control_open(const char *name);
void control_close(void);
int control_command(const char *command, int argc, char **argv);

/* attach.c */
void __noreturn attach(int fd);

/* detach.c */
void detach(const char *log_file);
void detach_ready(void);

/* exec.c */
#define EXEC_FILTER_MORE	32

void exec_prepare(struct machine *machine, char **words);
bool exec_is_on(void);
size_t exec_filter(const char *buf, size_t len, char *out);
bool exec_status(int *status);

/* hub.c */
void hub_open(void);
bool hub_is_open(void);
bool hub_add(int fd);
void hub_finish(void);
void hub_forget(void);
void hub_pty(void);
void hub_unix(const char *path);

/* unix_socket.c */
int unix_listen(const char *path);
int unix_connect(const char *path);

/* notify.c */
void notify_manager(const char *what);

/* loop.c */
struct timer {
	void (*over)(void);
	__u64 due;
	struct timer *next;
};

bool loop_add(int fd, void (*ready)(int fd, void *arg), void *arg);
void loop_write(int fd, bool on);
void loop_remove(int fd);
void loop_close(void);
void loop_signals(const sigset_t *set, void (*taken)(int sig));
__u64 loop_now(void);
void timer_start(struct timer *timer, __u64 ms);
void timer_stop(struct timer *timer);
void __noreturn loop_run(void);

/* terminal.c */
void terminal_escape(const char *arg);
void terminal_open(void (*typed)(const void *keys, size_t len), bool (*a_command)(char key),
		   const char *help);
void terminal_start(void);
void terminal_check(void);
void terminal_restore(void);
void terminal_forget(void);
void terminal_inherit(void);

/* stop.c */
void stop_guest(void);
bool stop_is_asked(void);

/* shared.c */
void *shared_alloc(size_t len);

/* stream.c */
void stream_renew(void);
void stream_forget(void);
void stream_set_output(int fd);
void stream_open_output(const char *path);
int stream_output(void);
bool stream_type(const void *buf, size_t len);
int stream_wanted(void);
int stream_input(void);
void stream_ask(void);
void stream_write(const void *buf, size_t len);

/* sandbox.c */

/* What the threads of a guest's process are there for */
enum sandbox_thread {
	SANDBOX_VCPU,		/* run the guest, and its devices' registers */
	SANDBOX_QUEUE,		/* serve a virtqueue */
	SANDBOX_WATCH,		/* hear of changes outside */
	SANDBOX_THREADS
};

void sandbox_find_user(const char *spec, uid_t *uid, gid_t *gid);
void sandbox_set_user(const char *spec);
void sandbox_enter(bool on, const char *user);
void sandbox_thread(enum sandbox_thread thread);

/* watch.c */
void watch_links(void);
void watch_start(int channel);

/* virtqueue.c */
#define VQ_MAX_ENTRIES	256

struct device;

struct virtqueue {
	/* Set by the device: the largest ring, and what serves it. */
	unsigned int num;
	void (*serve)(struct virtqueue *vq);

	struct device *dev;
	/* Set by the bus: where the ring is. Without one, the queue is not in use. */
	struct vring vring;
	int eventfd;
	sem_t started, stopped;
	bool stop, stop_seen;
	__u16 last_requests;
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

void vq_open(struct virtqueue *vq);
void vq_kick(struct virtqueue *vq);
void vq_start(struct virtqueue *vq);
bool vq_stop(struct virtqueue *vq, const struct timespec *deadline);
bool vq_next(struct virtqueue *vq, struct vq_chain *chain);
enum vq_next { VQ_REQUEST, VQ_EMPTY, VQ_OVER };
enum vq_next vq_try_next(struct virtqueue *vq, struct vq_chain *chain);
void vq_used(struct virtqueue *vq, const struct vq_chain *chain, __u32 len);
void vq_interrupt(struct virtqueue *vq);
bool vq_wait_file(struct virtqueue *vq, int fd, short events);
void vq_wait_either(struct virtqueue *vq, int fd, short events, bool requests);
void __printf(2, 3) __noreturn vq_bad_guest(const struct virtqueue *vq,
					    const char *fmt, ...);

/* iov.c */
__u64 iov_length(const struct iovec *iov, unsigned int num);
size_t iov_read(struct iovec *iov, unsigned int num, void *dst, size_t len);
size_t iov_write(struct iovec *iov, unsigned int num, const void *src,
		 size_t len);
void iov_skip(struct iovec *iov, unsigned int num, size_t len);
unsigned int iov_first(struct iovec *part, const struct iovec *iov, unsigned int num,
		       size_t len);

/* device.c */
#define VQ_MAX		3

#define P9_TAG_MAX	32

/* As struct virtio_9p_config, with room for a tag */
struct p9_config {
	__u16 tag_len;
	char tag[P9_TAG_MAX];
};

struct device {
	/* Set by the device before device_add(), or in create(). */
	const char *name;
	__u8 type;
	__u8 num_vq;
	__u64 features;
	struct virtqueue vq[VQ_MAX];
	/* Called in each process of a guest, before it is put on the bus; may be NULL. */
	void (*create)(struct device *dev);
	/* Called with the features that the guest chose; may be NULL. */
	void (*configure)(struct device *dev, __u64 features);
	/* Look again at what changes outside; whether the configuration did. May be NULL. */
	bool (*refresh)(struct device *dev);
	/* The guest wrote @value at @offset of the configuration space; may be NULL. */
	void (*config_written)(struct device *dev, unsigned int offset, __u32 value);
	/* The configuration space, of which the guest sees so many bytes */
	union {
		struct virtio_balloon_config balloon;
		struct virtio_blk_config block;
		struct virtio_console_config console;
		struct virtio_net_config net;
		struct p9_config p9;
	} config;
	__u8 config_len;

	struct device *next;
	bool running;
	void *slot;		/* the bus's */
};

/**
 * struct bus - how a guest finds its devices, and they and the guest wake each other
 * @modern: devices are those of virtio 1.0
 * @words: begin the kernel's command line, before the user's; NULL if there are none
 * @device_pages: where pages of devices end that have no memory, and to which the guest's
 *	accesses come to us, as those to ports do; NULL if there are none
 * @create: called once
 * @add: put a device there; its queues have no rings yet
 * @attach: tie a queue's eventfd to a new guest; NULL if that is done later
 * @notify: the guest made that hypercall; false if it was not meant for the bus; may be
 *	NULL
 * @interrupt: a used ring has changed
 * @refresh: call &device.refresh, and show the guest what changed, with an interrupt if the
 *	bus has one for that; any thread calls
 */
struct bus {
	bool modern;
	const char *words;
	__u32 (*device_pages)(void);
	void (*create)(void);
	void (*add)(struct device *dev);
	void (*attach)(struct virtqueue *vq);
	bool (*notify)(__u32 gpa);
	void (*interrupt)(struct virtqueue *vq);
	void (*refresh)(struct device *dev);
};

void device_add(struct device *dev);
void devices_create(const struct bus *the_bus, __u32 guest_version);
bool device_is_modern(void);
__u32 device_guest_version(void);
struct device *devices_first(void);
void devices_attach(void);
void device_configure(struct device *dev, __u64 features);
void device_start(struct device *dev);
void device_stop(struct device *dev);
void devices_stop(void);
bool devices_notify(__u32 gpa);
__u32 device_pages(void);
void device_interrupt(struct virtqueue *vq);
void devices_refresh(__u8 type);

/* The interrupts of devices. 0 is the clock. */
#define FIRST_IRQ	1
#define LAST_IRQ	31

/* lguest_bus.c */
extern const struct bus lguest_bus;

/* pci.c */
#define VENDOR_ID_VIRTIO	0x1af4
#define PCI_CONFIG_SIZE		256

struct pci_function;

/**
 * struct pci_ops - what is behind a function's BAR, by offset and size of an access
 * @read: a load
 * @write: a store
 * @window_read: a read of the register that is a window to the BAR
 * @window_write: a write of it
 * @moved: the guest wrote where this or another BAR is to be seen
 */
struct pci_ops {
	__u32 (*read)(struct pci_function *fn, unsigned int at, unsigned int size);
	void (*write)(struct pci_function *fn, unsigned int at, unsigned int size,
		      __u32 value);
	__u32 (*window_read)(struct pci_function *fn);
	void (*window_write)(struct pci_function *fn, __u32 value);
	void (*moved)(struct pci_function *fn);
};

/**
 * struct pci_function - one on the bus
 * @ops: what is behind its BAR; a bridge has none
 * @irq: the interrupt that it raises
 * @window: the offset of that register in the configuration space
 * @config: the configuration space
 * @writable: bits of it that the guest may change
 */
struct pci_function {
	const struct pci_ops *ops;
	unsigned int irq;
	unsigned int window;
	__u32 config[PCI_CONFIG_SIZE / 4];
	__u32 writable[PCI_CONFIG_SIZE / 4];
};

void pci_create(void);
void pci_add(struct pci_function *fn);
void pci_set(struct pci_function *fn, unsigned int at, __u32 value, __u32 writable);
__u32 pci_device_pages(void);
__u32 pci_bar(const struct pci_function *fn);
bool pci_port_read(__u16 port, unsigned int size, __u32 *value);
void pci_port_write(__u16 port, unsigned int size, __u32 value);
__u32 pci_memory_read(__u32 gpa, unsigned int size);
void pci_memory_write(__u32 gpa, unsigned int size, __u32 value);

/* virtio_pci.c */
extern const struct bus virtio_pci;

/* insn.c */
bool insn_port(const __u8 *insn);
bool insn_memory(const __u8 *insn, __u32 gpa);

/* disk.c */
#define SECTOR_SIZE	512U

struct disk;

struct disk_backend;

/**
 * struct disk_ops - what has a disk's data; one thread calls, but for @size, and @flush in the end
 * @read: read @len bytes at @offset to @iov, which is used up; false with errno if that fails
 * @write: write them; @durable: return only when they are there to stay
 * @flush: wait until what was written is there to stay
 * @size: in bytes; -1 with errno; any thread calls
 * @renew: give up what a process that is gone has left unfinished, as disks_renew(); false with
 *	errno if that is the end of it; may be NULL
 * @close: let go of what has it, and wait until that has ended; false if it does not end well; may
 *	be NULL
 */
struct disk_ops {
	bool (*read)(const struct disk_backend *backend, __u64 offset, struct iovec *iov,
		     unsigned int num, size_t len);
	bool (*write)(const struct disk_backend *backend, __u64 offset, struct iovec *iov,
		      unsigned int num, size_t len, bool durable);
	bool (*flush)(const struct disk_backend *backend);
	off_t (*size)(const struct disk_backend *backend);
	bool (*renew)(const struct disk_backend *backend);
	bool (*close)(const struct disk_backend *backend);
};

struct disk_nbd;

struct disk_backend {
	const struct disk_ops *ops;
	/* One of the two */
	int fd;
	struct disk_nbd *nbd;
};

struct disk *disk_open(const char *spec);
const char *disk_name(const struct disk *disk);
bool disk_is_read_only(const struct disk *disk);
__u64 disk_size(const struct disk *disk);
bool disk_refresh(struct disk *disk);
bool disk_read(struct disk *disk, __u64 offset, struct iovec *iov, unsigned int num);
bool disk_write(struct disk *disk, __u64 offset, struct iovec *iov, unsigned int num,
		bool durable);
bool disk_flush(struct disk *disk);
void disks_renew(void);
const char *disks_flush(void);
const char *disks_close(void);

/* disk_file.c */
extern const struct disk_ops disk_file_ops;

bool disk_file_check(const char *file);
int disk_file_open(const char *file, bool read_only);
bool disk_file_transfer(int fd, bool write, int flags, off_t offset, struct iovec *iov,
			unsigned int num, size_t len);

/* disk_nbd.c */
void disk_nbd_open(struct disk_backend *backend, const char *uri, bool read_only);
void disk_nbd_open_image(struct disk_backend *backend, const char *file, const char *format,
			 bool read_only);

/* disk_server.c */
struct disk_server;

struct disk_server *disk_server_start(const char *file, const char *format, bool read_only);
const char *disk_server_path(const struct disk_server *server);
const char *disk_server_end(struct disk_server *server, unsigned int seconds);

/* disk_lock.c */
void disk_lock(const char *file, int fd, bool read_only);

/* disk_format.c */
const char *disk_format(int fd, off_t size, const char **format);
bool disk_format_names_files(int fd, const char *format);

/* disk_snapshot.c */
struct disk_snapshot;

struct disk_snapshot *disk_snapshot_create(const char *file, const struct disk_backend *base,
					   __u64 size);
int disk_snapshot_run(struct disk_snapshot *snapshot, __u64 offset, __u64 *len);
int disk_snapshot_take(struct disk_snapshot *snapshot, __u64 offset, __u64 len);

/* net.c */

#define NET_NAME_LEN	16	/* IFNAMSIZ */

struct net_backend;

/**
 * struct net_backend_ops - a kind of network
 * @option: take an option of --net; false if it is none of this kind's
 * @open: called once, with all options known
 * @create: called in each process of a guest; before each packet is a struct virtio_net_hdr
 *	of so many bytes, with what it has behind it on virtio 1.0
 * @configure: the guest chose these features, or there is none yet; may be NULL
 * @is_up: whether packets come through
 * @receive: put one packet, and what is before it, into the guest's buffers. Returns how many
 *	bytes; or -1 with errno: EAGAIN if there is none, EINVAL if one was lost, or with a word
 *	to the user that there won't be any more
 * @send: take one packet, and what is before it, out of the guest's buffers. Returns false to
 *	be called again with what is left of the same buffers, once the file can be written
 */
struct net_backend_ops {
	bool (*option)(struct net_backend *backend, const char *option);
	void (*open)(struct net_backend *backend);
	void (*create)(struct net_backend *backend, unsigned int header, const __u8 *mac);
	void (*configure)(struct net_backend *backend, __u64 features);
	bool (*is_up)(struct net_backend *backend);
	ssize_t (*receive)(struct net_backend *backend, struct iovec *iov, unsigned int num);
	bool (*send)(struct net_backend *backend, struct iovec *iov, unsigned int num);
};

/**
 * struct net_backend - what a network card is plugged into
 * @ops: what kind it is
 * @name: for messages
 * @features: of virtio's, what the card can leave undone in packets, or have left undone
 * @fd: can be read when there may be a packet
 */
struct net_backend {
	const struct net_backend_ops *ops;
	char name[NET_NAME_LEN];
	__u64 features;
	int fd;
};

/* net_tap.c */
struct net_backend *net_tap(const char *name);

/* tap.c */
int tap_open(char *name);
void tap_set_header(const char *name, int fd, int size);
void tap_set_offloads(const char *name, int fd, __u64 features);
void tap_set_address(const char *name, const char *spec);
bool tap_is_up(int fd);

/* net_user.c */
struct net_backend *net_user(void);

/* passt_options.c */
#define PASST_OPTIONS_MAX	128

/**
 * struct passt_options - what passt is told
 * @words: of its command line, up to a NULL
 * @num: of @words
 * @has_dns: a name server is among them
 */
struct passt_options {
	const char *words[PASST_OPTIONS_MAX + 1];
	unsigned int num;
	bool has_dns;
};

bool passt_option(struct passt_options *options, const char *option);
void passt_options_complete(struct passt_options *options);

/* passt.c */
void passt_find(void);
int passt_lock(void);
int passt_start(const char *const *options, int lock, const __u8 *mac);

/* keeper.c */
#define KEEPER_FILE	3

void keeper_set_user(const char *name);
const char *keeper_user(void);
char *keeper_find(const char *program);
bool keeper_fork(int *files, unsigned int num);
int keeper_start(pid_t *pid, void (*run)(void *arg), void *arg);
void __noreturn keeper_end(pid_t pid);

/* p9_server.c */
#define P9_SERVER_ROOT	"/share"
#define P9_ANY_UID	(~0U)

void p9_server_find(void);
int p9_server_start(const char *dir, bool read_only);
__u32 p9_server_uid(__u32 uid);

/* The devices: each adds itself. */
void console_add(void);
void block_add(const char *spec);
void net_add(const char *spec);
void rng_add(void);
void p9_add(const char *spec);
void balloon_add(__u64 keep);

/* balloon.c */
#define BALLOON_UNTOLD	(~0ULL)

void balloon_want(__u64 keep);
__u64 balloon_wanted(void);
const char *balloon_set(__u64 bytes);
__u64 balloon_actual(void);
bool balloon_ask(unsigned int ms);
__u64 balloon_stat(unsigned int tag);

#endif /* LGUEST_LAUNCHER_H */
