// SPDX-License-Identifier: GPL-2.0
/* Memory that a guest's process leaves to the next and to the parent. */
#include "launcher.h"

#include <sys/mman.h>

/**
 * shared_alloc() - memory that all processes of the Launcher have in common
 * @len: in bytes
 *
 * It takes room only for what is written to. Processes don't use it at the same time, but for
 * the parent when a guest's process is gone.
 *
 * Return: the memory, all zero, for good; NULL if there is none.
 */
void *shared_alloc(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}
