/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GUEST_FPU_H
#define GUEST_FPU_H

#include "types.h"

/*
 * All of the FPU's registers. To test, load them, let something happen that should
 * not change them, store them, and compare. For ring 3 as well as ring 1.
 */
struct fpu_image {
	u64 st[8];
	u64 xmm[8][2];
	u16 fcw;
	u32 mxcsr;
};

static inline void fpu_fill(struct fpu_image *image, u32 seed)
{
	u32 i;

	for (i = 0; i < 8; i++) {
		image->st[i] = (u64)seed << 40 | (i + 1) * 0x1357;
		image->xmm[i][0] = (u64)seed << 56 | i;
		image->xmm[i][1] = ~image->xmm[i][0];
	}
	/* All exceptions masked; rounding and precision by the seed. */
	image->fcw = 0x33f | (seed % 4) << 10;
	image->mxcsr = 0x1f80 | (seed % 4) << 13;
}

static inline void fpu_load(const struct fpu_image *image)
{
	asm volatile("fninit\n"
		     "fldcw %[fcw]\n"
		     "ldmxcsr %[mxcsr]\n"
		     "fildll 0(%[st])\n"
		     "fildll 8(%[st])\n"
		     "fildll 16(%[st])\n"
		     "fildll 24(%[st])\n"
		     "fildll 32(%[st])\n"
		     "fildll 40(%[st])\n"
		     "fildll 48(%[st])\n"
		     "fildll 56(%[st])\n"
		     "movups 0(%[xmm]), %%xmm0\n"
		     "movups 16(%[xmm]), %%xmm1\n"
		     "movups 32(%[xmm]), %%xmm2\n"
		     "movups 48(%[xmm]), %%xmm3\n"
		     "movups 64(%[xmm]), %%xmm4\n"
		     "movups 80(%[xmm]), %%xmm5\n"
		     "movups 96(%[xmm]), %%xmm6\n"
		     "movups 112(%[xmm]), %%xmm7\n"
		     : : [st] "r"(image->st), [xmm] "r"(image->xmm),
		       [fcw] "m"(image->fcw), [mxcsr] "m"(image->mxcsr)
		     : "memory");
}

static inline void fpu_store(struct fpu_image *image)
{
	asm volatile("fnstcw %[fcw]\n"
		     "stmxcsr %[mxcsr]\n"
		     "fistpll 56(%[st])\n"
		     "fistpll 48(%[st])\n"
		     "fistpll 40(%[st])\n"
		     "fistpll 32(%[st])\n"
		     "fistpll 24(%[st])\n"
		     "fistpll 16(%[st])\n"
		     "fistpll 8(%[st])\n"
		     "fistpll 0(%[st])\n"
		     "movups %%xmm0, 0(%[xmm])\n"
		     "movups %%xmm1, 16(%[xmm])\n"
		     "movups %%xmm2, 32(%[xmm])\n"
		     "movups %%xmm3, 48(%[xmm])\n"
		     "movups %%xmm4, 64(%[xmm])\n"
		     "movups %%xmm5, 80(%[xmm])\n"
		     "movups %%xmm6, 96(%[xmm])\n"
		     "movups %%xmm7, 112(%[xmm])\n"
		     : [fcw] "=m"(image->fcw), [mxcsr] "=m"(image->mxcsr)
		     : [st] "r"(image->st), [xmm] "r"(image->xmm)
		     : "memory");
}

/* How many registers differ */
static inline u32 fpu_differ(const struct fpu_image *a,
			     const struct fpu_image *b)
{
	u32 i, n = 0;

	for (i = 0; i < 8; i++) {
		n += a->st[i] != b->st[i];
		n += a->xmm[i][0] != b->xmm[i][0] ||
		     a->xmm[i][1] != b->xmm[i][1];
	}
	n += a->fcw != b->fcw;
	n += a->mxcsr != b->mxcsr;
	return n;
}

#endif /* GUEST_FPU_H */
