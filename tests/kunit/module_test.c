// SPDX-License-Identifier: GPL-2.0
/*
 * lg.ko comes and goes. Here it is built in, so only the kernel knows its init and
 * exit functions.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/init.h>
#include <linux/kallsyms.h>
#include <linux/miscdevice.h>

#include "lib/device.h"
#include "lib/guest.h"

static int load(struct kunit *test)
{
	initcall_t init = (initcall_t)kallsyms_lookup_name("lg_init");

	KUNIT_ASSERT_NOT_NULL(test, init);
	return init();
}

static void unload(struct kunit *test)
{
	exitcall_t exit = (exitcall_t)kallsyms_lookup_name("lg_exit");

	KUNIT_ASSERT_NOT_NULL(test, exit);
	exit();
}

static bool has_device(struct guest *g)
{
	struct file *file = device_open(g);

	if (IS_ERR(file)) {
		KUNIT_EXPECT_EQ(g->test, PTR_ERR(file), -ENOENT);
		return false;
	}
	__fput_sync(file);
	return true;
}

static void goes_and_comes(struct kunit *test)
{
	struct guest *g = test->priv;

	KUNIT_EXPECT_TRUE(test, has_device(g));
	unload(test);
	KUNIT_EXPECT_FALSE(test, fake_cpu_ready);
	KUNIT_EXPECT_FALSE(test, has_device(g));
	KUNIT_EXPECT_EQ(test, load(test), 0);
	KUNIT_EXPECT_TRUE(test, fake_cpu_ready);
	KUNIT_EXPECT_TRUE(test, has_device(g));
}

/* The module can't be loaded on every processor. */
static void processor_refuses(struct kunit *test)
{
	struct guest *g = test->priv;

	unload(test);
	fake_cpu_budget = 0;
	KUNIT_EXPECT_EQ(test, load(test), -ENOMEM);
	fake_cpu_budget = UINT_MAX;
	KUNIT_EXPECT_FALSE(test, has_device(g));
	KUNIT_EXPECT_EQ(test, load(test), 0);
	KUNIT_EXPECT_TRUE(test, has_device(g));
}

/* Another misc device has its name already, and its number as well. */
static void name_is_taken(struct kunit *test)
{
	static const struct file_operations none;
	static struct miscdevice other = {
		.minor = 246,
		.name = "lguest",
		.fops = &none,
	};
	struct guest *g = test->priv;

	unload(test);
	KUNIT_ASSERT_EQ(test, misc_register(&other), 0);
	KUNIT_EXPECT_EQ(test, load(test), -EEXIST);
	KUNIT_EXPECT_FALSE(test, fake_cpu_ready);
	misc_deregister(&other);
	KUNIT_EXPECT_EQ(test, load(test), 0);
	KUNIT_EXPECT_TRUE(test, has_device(g));
}

/* Another device has the number that ours has by default. */
static void number_is_taken(struct kunit *test)
{
	static const struct file_operations none;
	static struct miscdevice other = {
		.minor = 246,
		.name = "other",
		.fops = &none,
	};
	struct guest *g = test->priv;

	unload(test);
	KUNIT_ASSERT_EQ(test, misc_register(&other), 0);
	KUNIT_EXPECT_EQ(test, load(test), 0);
	KUNIT_EXPECT_TRUE(test, has_device(g));
	misc_deregister(&other);
}

static struct kunit_case module_cases[] = {
	KUNIT_CASE(goes_and_comes),
	KUNIT_CASE(processor_refuses),
	KUNIT_CASE(name_is_taken),
	KUNIT_CASE(number_is_taken),
	{}
};

static struct kunit_suite module_suite = {
	.name = "lguest_module",
	.init = guest_open,
	.exit = guest_free,
	.test_cases = module_cases,
};

kunit_test_suite(module_suite);
