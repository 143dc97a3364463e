/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Access to a guest's memory, for the suites on the fake and on the real CPU. The
 * header that defines struct guest includes this one.
 */
#ifndef LG_TESTS_GUEST_MEMORY_H
#define LG_TESTS_GUEST_MEMORY_H

#include <kunit/test.h>
#include <linux/uaccess.h>

static inline void guest_put(struct guest *g, u32 gpa, const void *from,
			     u32 len)
{
	KUNIT_ASSERT_EQ(g->test, 0,
			copy_to_user((void __user *)g->memory + gpa, from, len));
}

static inline void guest_put32(struct guest *g, u32 gpa, u32 val)
{
	guest_put(g, gpa, &val, sizeof(val));
}

static inline void guest_get(struct guest *g, u32 gpa, void *to, u32 len)
{
	KUNIT_ASSERT_EQ(g->test, 0,
			copy_from_user(to, (void __user *)g->memory + gpa, len));
}

static inline u32 guest_get32(struct guest *g, u32 gpa)
{
	u32 val;

	guest_get(g, gpa, &val, sizeof(val));
	return val;
}

#endif /* LG_TESTS_GUEST_MEMORY_H */
