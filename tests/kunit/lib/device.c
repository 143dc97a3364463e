// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/lguest as a Launcher opens it. When KUnit runs, the only file system is an
 * empty one, so sysfs has to say which number the device has.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>

#include "device.h"

static const char name[] = "/lguest";

static int read_number(struct file *file, dev_t *number)
{
	unsigned int major, minor;
	char text[16] = "";
	loff_t pos = 0;

	if (kernel_read(file, text, sizeof(text) - 1, &pos) < 0 ||
	    sscanf(text, "%u:%u", &major, &minor) != 2)
		return -EIO;
	*number = MKDEV(major, minor);
	return 0;
}

static int find_device(dev_t *number)
{
	struct vfsmount *sysfs = kern_mount(get_fs_type("sysfs"));
	struct file *file;
	int err;

	if (IS_ERR(sysfs))
		return PTR_ERR(sysfs);
	file = file_open_root_mnt(sysfs, "class/misc/lguest/dev", O_RDONLY, 0);
	err = PTR_ERR_OR_ZERO(file);
	if (!err) {
		err = read_number(file, number);
		__fput_sync(file);
	}
	kern_unmount(sysfs);
	return err;
}

struct file *device_open(struct guest *g)
{
	char __user *path = (char __user *)g->words;
	struct file *file;
	dev_t number;
	int err;

	err = find_device(&number);
	if (err)
		return ERR_PTR(err);
	KUNIT_ASSERT_EQ(g->test, 0, copy_to_user(path, name, sizeof(name)));
	err = sys_mknod(path, S_IFCHR | 0600, new_encode_dev(number));
	if (err)
		return ERR_PTR(err);
	file = filp_open(name, O_RDWR, 0);
	sys_unlink(path);
	return file;
}

void device_close(struct kunit *test)
{
	struct guest *g = test->priv;

	clear_thread_flag(TIF_SIGPENDING);
	clear_thread_flag(TIF_NOTIFY_RESUME);
	if (g && !IS_ERR_OR_NULL(g->device)) {
		__fput_sync(g->device);
		g->lg = NULL;
	}
	guest_free(test);
}

char __user *device_buffer(struct guest *g, size_t size)
{
	return (char __user *)g->words + PAGE_SIZE - size;
}

ssize_t device_read(struct guest *g, void *to, size_t size)
{
	char __user *buf = device_buffer(g, size);
	loff_t pos = 0;
	ssize_t ret;

	memset(to, DEVICE_UNTOUCHED, size);
	KUNIT_ASSERT_EQ(g->test, 0, copy_to_user(buf, to, size));
	ret = vfs_read(g->device, buf, size, &pos);
	KUNIT_ASSERT_EQ(g->test, 0, copy_from_user(to, buf, size));
	return ret;
}

ssize_t device_read_word(struct guest *g)
{
	unsigned long word;

	return device_read(g, &word, sizeof(word));
}

ssize_t device_read_beyond(struct guest *g, size_t size)
{
	loff_t pos = 0;

	return vfs_read(g->device, device_buffer(g, size - 1), size, &pos);
}

ssize_t device_write_at(struct guest *g, const unsigned long *words,
			size_t size, loff_t pos)
{
	char __user *buf = device_buffer(g, size);

	KUNIT_ASSERT_EQ(g->test, 0, copy_to_user(buf, words, size));
	return vfs_write(g->device, buf, size, &pos);
}

struct other_task {
	struct guest *g;
	const struct cred *cred;
	ssize_t (*act)(struct guest *g);
	ssize_t ret;
	struct completion done;
};

static int other_task(void *data)
{
	struct other_task *other = data;
	const struct cred *own = override_creds(other->cred);

	kthread_use_mm(other->g->mm);
	other->ret = other->act(other->g);
	kthread_unuse_mm(other->g->mm);
	revert_creds(own);
	complete(&other->done);
	return 0;
}

ssize_t guest_other_task(struct guest *g, ssize_t (*act)(struct guest *g))
{
	struct other_task other = {
		.g = g, .cred = current_cred(), .act = act,
	};
	struct task_struct *task;

	init_completion(&other.done);
	task = kthread_run(other_task, &other, "lguest_other");
	KUNIT_ASSERT_FALSE(g->test, IS_ERR(task));
	wait_for_completion(&other.done);
	return other.ret;
}

ssize_t guest_other_memory(struct guest *g, ssize_t (*act)(struct guest *g))
{
	unsigned long words = g->words;
	struct mm_struct *mm = mm_alloc();
	ssize_t ret;

	KUNIT_ASSERT_NOT_NULL(g->test, mm);
	mm->task_size = TASK_SIZE;
	arch_pick_mmap_layout(mm, &current->signal->rlim[RLIMIT_STACK]);
	kthread_unuse_mm(g->mm);
	kthread_use_mm(mm);
	g->words = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, 0);
	ret = IS_ERR_VALUE(g->words) ? (ssize_t)g->words : act(g);
	g->words = words;
	kthread_unuse_mm(mm);
	kthread_use_mm(g->mm);
	mmput(mm);
	return ret;
}

ssize_t guest_other_credentials(struct guest *g,
				ssize_t (*act)(struct guest *g))
{
	struct cred *other = prepare_creds();
	const struct cred *own;
	ssize_t ret;

	/* The same rights, but not the same struct cred */
	KUNIT_ASSERT_NOT_NULL(g->test, other);
	own = override_creds(other);
	ret = act(g);
	revert_creds(own);
	put_cred(other);
	return ret;
}
