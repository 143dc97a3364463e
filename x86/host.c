// SPDX-License-Identifier: GPL-2.0
/* Can this host run guests at all? If not, say why in one sentence. */
#include <linux/cc_platform.h>
#include <linux/errno.h>
#include <linux/printk.h>
#include <asm/cpufeature.h>
#include <asm/segment.h>
#include <asm/special_insns.h>

#include "../compat.h"
#include "x86.h"

#define CR4_FRED	BIT_ULL(32)	/* SDM volume 3, section 2.5 */

/**
 * lg_check_host() - refuse hosts on which a guest could not run safely
 *
 * Return: 0, or -ENODEV with the reason logged.
 */
int lg_check_host(void)
{
	u16 cs;

	savesegment(cs, cs);
	if (cs & 3) {
		pr_err("this kernel is itself a paravirtual guest and has no ring 1 to give\n");
		return -ENODEV;
	}
	if (__read_cr4() & CR4_FRED) {
		pr_err("FRED is active, which does not deliver events from ring 1; boot with fred=off\n");
		return -ENODEV;
	}
	if (cc_platform_has(CC_ATTR_GUEST_STATE_ENCRYPT) ||
	    lg_host_is_tdx_guest()) {
		pr_err("this machine's state is encrypted against its hypervisor, which needs exceptions that a guest can't take\n");
		return -ENODEV;
	}
	return 0;
}
