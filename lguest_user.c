// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/lguest: how a Launcher makes a guest, runs it, and speaks to it
 * (ABI.md section 1). One open file is one guest. The task that made the guest
 * runs it; any thread of its process may raise irqs and tie eventfds.
 *
 * A writer may have more rights than whoever opened the file, and may not have
 * chosen what it writes: a set-user-ID program that got this file as its stdout.
 * Here a write turns the writer's memory into a guest's. So the file works only in
 * the address space that opened it, which an exec replaces; and INITIALIZE works
 * only with the credentials that opened it. After that, a process may drop rights:
 * its memory is the guest's already.
 */
#include <linux/compat.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "cpu.h"
#include "lg.h"

#define INITIALIZE_WORDS	3
#define REQUEST_WORDS_MAX	(INITIALIZE_WORDS + 1)

/* A word is the calling process's unsigned long. */
static size_t word_size(void)
{
	return in_compat_syscall() ? sizeof(u32) : sizeof(unsigned long);
}

/* Copy a request's words. Return -EINVAL if the write is too short for them. */
static int get_words(const char __user *buf, size_t size, unsigned long *words,
		     unsigned int count)
{
	u32 small[REQUEST_WORDS_MAX];
	unsigned int i;

	if (size < count * word_size())
		return -EINVAL;
	if (word_size() == sizeof(*words))
		return copy_from_user(words, buf, count * sizeof(*words)) ?
		       -EFAULT : 0;
	if (copy_from_user(small, buf, count * sizeof(*small)))
		return -EFAULT;
	for (i = 0; i < count; i++)
		words[i] = small[i];
	return 0;
}

static bool is_initialized(struct lguest *lg)
{
	/* Pairs with the release at the end of make_guest(). */
	return smp_load_acquire(&lg->initialized);
}

/**
 * lg_check_geometry() - whether a guest can have this memory
 * @base: the Launcher's address of gpa 0
 * @pages: how many pages
 * @start: entry point
 * @device_pages: where the device pages above @pages end
 *
 * Return: 0 or -EINVAL.
 */
int lg_check_geometry(unsigned long base, unsigned long pages,
		      unsigned long start, unsigned long device_pages)
{
	if (!pages || pages > BIT(32) >> PAGE_SHIFT)
		return -EINVAL;
	if (device_pages < pages || device_pages > BIT(32) >> PAGE_SHIFT)
		return -EINVAL;
	if (start > U32_MAX || !PAGE_ALIGNED(base))
		return -EINVAL;
	/* TASK_SIZE is that of the calling process: 4 GiB for a 32-bit one. */
	if (base > TASK_SIZE || pages << PAGE_SHIFT > TASK_SIZE - base)
		return -EINVAL;
	return 0;
}

static int make_guest(struct lguest *lg, const unsigned long *words)
{
	int err;

	err = lg_check_geometry(words[0], words[1], words[2], words[3]);
	if (err)
		return err;
	lg->base = words[0];
	lg->pfn_limit = words[1];
	lg->device_limit = words[3];

	err = lg_vcpu_init(lg);
	if (err)
		return err;
	lg_init_gdt(lg);
	lg->regs->eip = words[2];
	err = lg_mmu_init(lg);
	if (err) {
		lg_vcpu_free(lg);
		return err;
	}
	lg->task = get_task_struct(current);
	/* Pairs with is_initialized(). */
	smp_store_release(&lg->initialized, true);
	return 0;
}

/* Launchers from 4.0 on pass a fourth word; older ones pass three. */
static int get_geometry(const char __user *buf, size_t size,
			unsigned long *words)
{
	int err;

	if (size == REQUEST_WORDS_MAX * word_size())
		return get_words(buf, size, words, REQUEST_WORDS_MAX);
	err = get_words(buf, size, words, INITIALIZE_WORDS);
	if (!err)
		words[3] = words[1];
	return err;
}

static ssize_t initialize(struct lguest *lg, const char __user *buf,
			  size_t size)
{
	unsigned long words[REQUEST_WORDS_MAX];
	int err;

	if (mutex_lock_interruptible(&lg->init_lock))
		return -ERESTARTSYS;
	if (lg->initialized)
		err = -EBUSY;
	else if (current_cred() != lg->cred)
		err = -EPERM;
	else
		err = get_geometry(buf, size, words) ?: make_guest(lg, words);
	mutex_unlock(&lg->init_lock);
	return err ?: INITIALIZE_WORDS * word_size();
}

static ssize_t raise_irq(struct lguest *lg, const char __user *buf, size_t size)
{
	unsigned long irq;
	int err;

	err = get_words(buf, size, &irq, 1);
	if (err)
		return err;
	if (irq >= LG_IRQS)
		return -EINVAL;
	lg_set_irq(lg, irq);
	return 0;
}

static ssize_t tie_eventfd(struct lguest *lg, const char __user *buf,
			   size_t size)
{
	unsigned long words[2];
	int err;

	err = get_words(buf, size, words, 2);
	if (err)
		return err;
	/* Cut to an int, this could name another of the caller's files. */
	if (words[1] > INT_MAX)
		return -EBADF;
	return lg_assign_eventfd(lg, words[0], words[1]);
}

/* Only the guest's task may touch the vCPU: while it is here, the guest is out. */
static ssize_t access_vcpu(struct lguest *lg, unsigned long req,
			   const char __user *buf, size_t size)
{
	unsigned long words[2];
	int err;

	if (current != lg->task)
		return -EPERM;
	err = get_words(buf, size, words, req == LHREQ_SETREG ? 2 : 1);
	if (err)
		return err;
	switch (req) {
	case LHREQ_GETREG:
		return lg_get_reg(lg, words[0]);
	case LHREQ_SETREG:
		return lg_set_reg(lg, words[0], words[1]);
	default:
		return lg_inject_trap(lg, words[0]);
	}
}

/**
 * lg_request() - one write(2) to the device: a request and its words
 * @lg: the open file's guest, or what is to become one
 * @buf: the words, in the calling process
 * @size: how many bytes they are
 *
 * Context: any task in the address space that opened the file; may sleep.
 * Return: what write(2) returns (ABI.md section 1): a positive count for
 * LHREQ_INITIALIZE, 0 for the others, or a negative error.
 */
ssize_t lg_request(struct lguest *lg, const char __user *buf, size_t size)
{
	unsigned long req;
	int err;

	err = get_words(buf, size, &req, 1);
	if (err)
		return err;
	buf += word_size();
	size -= word_size();

	if (req == LHREQ_INITIALIZE)
		return initialize(lg, buf, size);
	if (req > LHREQ_TRAP || req == LHREQ_GETDMA || req == LHREQ_BREAK)
		return -EINVAL;
	if (!is_initialized(lg))
		return -EINVAL;
	if (lg_is_dead(lg))
		return -ENOENT;
	switch (req) {
	case LHREQ_IRQ:
		return raise_irq(lg, buf, size);
	case LHREQ_EVENTFD:
		return tie_eventfd(lg, buf, size);
	default:
		return access_vcpu(lg, req, buf, size);
	}
}

static bool is_where_it_was_opened(struct lguest *lg)
{
	return current->mm == lg->mm;
}

static ssize_t lg_device_write(struct file *file, const char __user *buf,
			       size_t size, loff_t *offset)
{
	if (!is_where_it_was_opened(file->private_data))
		return -EPERM;
	/* io_uring workers share the memory, but must not become a guest's task. */
	if (current->flags & PF_IO_WORKER)
		return -EPERM;
	if (*offset)			/* vCPU 0 is the only one */
		return -EINVAL;
	return lg_request(file->private_data, buf, size);
}

static ssize_t read_reason(struct lguest *lg, char __user *buf, size_t size)
{
	size_t len = min(size, strlen(lg->reason) + 1);

	if (!len)
		return 0;
	/* A NUL ends it, however small the buffer is. */
	if (copy_to_user(buf, lg->reason, len - 1) || put_user(0, buf + len - 1))
		return -EFAULT;
	return len;
}

static int put_word(char __user *buf, u32 word, size_t size)
{
	if (size == sizeof(u32))
		return put_user(word, (u32 __user *)buf);
	return put_user((unsigned long)word, (unsigned long __user *)buf);
}

/* A register has 32 bits, but Launchers may read a word instead. */
static ssize_t read_reg(struct lguest *lg, char __user *buf, size_t size)
{
	size_t len = min(size, word_size());

	if (len != sizeof(u32) && len != word_size())
		return -EINVAL;
	if (put_word(buf, lg->reg_value, len))
		return -EFAULT;
	lg->reg_wanted = false;
	return len;
}

static ssize_t read_pending(struct lguest *lg, char __user *buf)
{
	size_t len = lg->wants_records ? sizeof(lg->pending) : word_size();

	if (lg->wants_records ? copy_to_user(buf, &lg->pending, len) != 0 :
				put_word(buf, lg->pending.addr, len) != 0)
		return -EFAULT;		/* and still pending */
	lg->pending.trap = 0;
	return len;
}

static ssize_t lg_device_read(struct file *file, char __user *buf, size_t size,
			      loff_t *offset)
{
	struct lguest *lg = file->private_data;
	int ret;

	/* After an exec the task is the same, but its memory is not. */
	if (!is_where_it_was_opened(lg))
		return -EPERM;
	if (*offset || !is_initialized(lg))
		return -EINVAL;
	if (current != lg->task)
		return -EPERM;
	if (lg_is_dead(lg)) {
		if (lg->dead != -ENOENT)
			return lg->dead;
		return read_reason(lg, buf, size);
	}
	if (lg->reg_wanted)
		return read_reg(lg, buf, size);
	if (size < word_size())
		return -EINVAL;

	/* io_uring trusts this flag, and would run the guest with locks held. */
	if (file->f_flags & O_NONBLOCK)
		return -EAGAIN;

	lg->wants_records = size == sizeof(struct lguest_pending);
	/*
	 * Only a record can tell of accesses. The guest repeats its access if this
	 * read(2) has no room for one.
	 */
	if (!lg->wants_records && lg->pending.trap != LG_VECTOR_HYPERCALL)
		lg->pending.trap = 0;
	ret = lg_run(lg);
	return ret < 0 ? ret : read_pending(lg, buf);
}

/**
 * lg_create() - what an open file has before there is a guest
 *
 * It belongs to the caller's address space and credentials.
 *
 * Context: may sleep.
 * Return: the guest, which lg_destroy() frees, or NULL without memory.
 */
struct lguest *lg_create(void)
{
	struct lguest *lg = kvzalloc(sizeof(*lg), GFP_KERNEL_ACCOUNT);

	if (!lg)
		return NULL;
	/* Hold it, so that no later one gets its address and passes for it. */
	lg->mm = current->mm;
	mmgrab(lg->mm);
	lg->cred = get_current_cred();
	mutex_init(&lg->init_lock);
	mutex_init(&lg->eventfd_lock);
	xa_init_flags(&lg->eventfds, XA_FLAGS_ACCOUNT);
	init_waitqueue_head(&lg->wait);
	lg_init_interrupts(lg);
	return lg;
}

/**
 * lg_destroy() - free everything a guest has
 * @lg: the guest, whose file nobody holds any more
 *
 * Context: may sleep.
 */
void lg_destroy(struct lguest *lg)
{
	if (lg->initialized) {
		lg_stop_timers(lg);
		lg_mmu_free(lg);
		lg_vcpu_free(lg);
		put_task_struct(lg->task);
	}
	lg_free_eventfds(lg);
	put_cred(lg->cred);
	mmdrop(lg->mm);
	kvfree(lg);
}

static int lg_device_open(struct inode *inode, struct file *file)
{
	if (!current->mm)		/* a kernel thread */
		return -EPERM;
	file->private_data = lg_create();
	return file->private_data ? 0 : -ENOMEM;
}

static int lg_device_release(struct inode *inode, struct file *file)
{
	lg_destroy(file->private_data);
	return 0;
}

static const struct file_operations lg_device_fops = {
	.owner = THIS_MODULE,
	.open = lg_device_open,
	.release = lg_device_release,
	.read = lg_device_read,
	.write = lg_device_write,
	.llseek = default_llseek,
};

/*
 * With a number that is known beforehand, the device is there from boot on (kmod's static
 * nodes), and to open it loads the module. Nobody has given us one. This is one of those for
 * local use (Documentation/admin-guide/devices.txt), as OpenZFS has another.
 */
#define LG_MINOR	246

static struct miscdevice lg_device = {
	.name = "lguest",
	.fops = &lg_device_fops,
};

MODULE_ALIAS_MISCDEV(LG_MINOR);
MODULE_ALIAS("devname:lguest");

/**
 * lg_device_init() - offer /dev/lguest
 *
 * Return: 0 or what misc_register() says.
 */
int lg_device_init(void)
{
	int err;

	lg_device.minor = LG_MINOR;
	err = misc_register(&lg_device);
	/* Another local use */
	if (err == -EBUSY) {
		lg_device.minor = MISC_DYNAMIC_MINOR;
		err = misc_register(&lg_device);
	}
	return err;
}

/**
 * lg_device_exit() - take /dev/lguest away
 */
void lg_device_exit(void)
{
	misc_deregister(&lg_device);
}
