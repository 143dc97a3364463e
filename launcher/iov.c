// SPDX-License-Identifier: GPL-2.0
/* Buffers that are in pieces, as a guest's are. */
#include "launcher.h"

#include <string.h>

/** iov_length() - how many bytes the @num pieces of @iov have */
__u64 iov_length(const struct iovec *iov, unsigned int num)
{
	__u64 len = 0;

	for (unsigned int i = 0; i < num; i++)
		len += iov[i].iov_len;
	return len;
}

/*
 * Take up to @len bytes off the front of @iov: read them into @dst, write them from
 * @src, or skip them.
 */
static size_t iov_move(struct iovec *iov, unsigned int num, void *dst,
		       const void *src, size_t len)
{
	size_t done = 0;

	for (unsigned int i = 0; i < num && done < len; i++) {
		size_t n = iov[i].iov_len;

		if (n > len - done)
			n = len - done;
		if (dst)
			memcpy((char *)dst + done, iov[i].iov_base, n);
		if (src)
			memcpy(iov[i].iov_base, (const char *)src + done, n);
		iov[i].iov_base = (char *)iov[i].iov_base + n;
		iov[i].iov_len -= n;
		done += n;
	}
	return done;
}

/** iov_read() - take up to @len bytes off the front of @iov, into @dst; how many */
size_t iov_read(struct iovec *iov, unsigned int num, void *dst, size_t len)
{
	return iov_move(iov, num, dst, NULL, len);
}

/** iov_write() - take up to @len bytes off the front of @iov, write @src there; how many */
size_t iov_write(struct iovec *iov, unsigned int num, const void *src,
		 size_t len)
{
	return iov_move(iov, num, NULL, src, len);
}

/** iov_skip() - take up to @len bytes off the front of @iov */
void iov_skip(struct iovec *iov, unsigned int num, size_t len)
{
	iov_move(iov, num, NULL, NULL, len);
}

/** iov_first() - make @part the first @len bytes of @iov, without what is empty; its length */
unsigned int iov_first(struct iovec *part, const struct iovec *iov, unsigned int num,
		       size_t len)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < num && len; i++) {
		if (!iov[i].iov_len)
			continue;
		part[n] = iov[i];
		if (part[n].iov_len > len)
			part[n].iov_len = len;
		len -= part[n++].iov_len;
	}
	return n;
}
