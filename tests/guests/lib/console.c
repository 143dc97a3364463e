// SPDX-License-Identifier: GPL-2.0
#include "console.h"
#include "hypercall.h"
#include "irq.h"
#include "paging.h"
#include "printf.h"
#include "string.h"
#include "virtio.h"

#define OUT_BUFS	32
#define OUT_SIZE	256
#define IN_BUFS		8
#define IN_SIZE		64
#define TYPED_SIZE	1024
#define HISTORY		16

#define CTRL(c)		((c) & 0x1f)
#define KEY_DEL		0x7f
#define KEY_ESC		0x1b

static bool ready;
static struct virtqueue in_vq, out_vq;
static char out_bufs[OUT_BUFS][OUT_SIZE];
static char in_bufs[IN_BUFS][IN_SIZE];
/* A bit per buffer: those that are ours to fill, and all. */
static u32 out_free, out_all;

/* What was typed, but not read yet. */
static char typed[TYPED_SIZE];
static u32 typed_head, typed_tail;
static bool interrupted;

static void early_write(const char *buf, size_t len)
{
	static char string[OUT_SIZE];

	while (len) {
		size_t n = min(len, sizeof(string) - 1);

		memcpy(string, buf, n);
		string[n] = '\0';
		hcall1(LHCALL_NOTIFY, pa(string));
		buf += n;
		len -= n;
	}
}

static void reclaim_output(void)
{
	u16 desc;
	u32 len;

	while (vq_used(&out_vq, &desc, &len))
		out_free |= 1u << desc;
}

/* With interrupts off: wait until the Launcher has used up another buffer. */
static void wait_for_output(u32 flags)
{
	/* Can't sleep in an interrupt handler: nothing would wake us. */
	if (flags)
		irq_wait();
	reclaim_output();
}

static void virtio_write(const char *buf, size_t len)
{
	u32 flags = irq_save();

	while (len) {
		size_t n = min_t(size_t, len, OUT_SIZE);
		u32 slot;

		reclaim_output();
		while (!out_free)
			wait_for_output(flags);
		slot = __builtin_ctz(out_free);
		out_free &= ~(1u << slot);
		memcpy(out_bufs[slot], buf, n);
		vq_add(&out_vq, slot, out_bufs[slot], n, 0);
		vq_kick(&out_vq);
		buf += n;
		len -= n;
	}
	irq_restore(flags);
}

void console_write(const char *buf, size_t len)
{
	if (ready)
		virtio_write(buf, len);
	else
		early_write(buf, len);
}

void console_flush(void)
{
	u32 flags;

	if (!ready)
		return;
	flags = irq_save();
	reclaim_output();
	while (out_free != out_all)
		wait_for_output(flags);
	irq_restore(flags);
}

void console_panic(void)
{
	u32 tries = 10000000;

	/* What went before should come out before, but don't wait forever. */
	while (ready && out_free != out_all && tries--)
		reclaim_output();
	ready = false;
}

static void output_irq(struct regs *regs)
{
	(void)regs;
	reclaim_output();
}

static void input_irq(struct regs *regs)
{
	u16 desc;
	u32 len, i;

	(void)regs;
	while (vq_used(&in_vq, &desc, &len)) {
		for (i = 0; i < min_t(u32, len, IN_SIZE); i++) {
			char c = in_bufs[desc][i];

			if (c == CTRL('C'))
				interrupted = true;
			if (typed_head - typed_tail < TYPED_SIZE)
				typed[typed_head++ % TYPED_SIZE] = c;
		}
		vq_add(&in_vq, desc, in_bufs[desc], IN_SIZE, VRING_DESC_WRITE);
	}
	vq_kick(&in_vq);
}

bool console_init(void)
{
	struct lguest_device_desc *dev = virtio_find(VIRTIO_CONSOLE);
	u32 i;

	if (!dev)
		return false;
	virtio_reset(dev);
	if (!virtio_queue(dev, 0, &in_vq) || !virtio_queue(dev, 1, &out_vq))
		return false;
	out_all = out_vq.num < OUT_BUFS ? (1u << out_vq.num) - 1 : ~0u;
	out_free = out_all;
	irq_handler(in_vq.irq, input_irq);
	irq_handler(out_vq.irq, output_irq);
	/*
	 * Write to a buffer before the Launcher does: on some hosts, a page
	 * that we have only read would stay what it was.
	 */
	memset(in_bufs, 0, sizeof(in_bufs));
	for (i = 0; i < min(IN_BUFS, in_vq.num); i++)
		vq_add(&in_vq, i, in_bufs[i], IN_SIZE, VRING_DESC_WRITE);
	virtio_start(dev);
	vq_kick(&in_vq);
	ready = true;
	return true;
}

u32 console_output_irq(void)
{
	return out_vq.irq;
}

void console_use(bool virtio)
{
	ready = virtio && out_all;
}

void console_reclaim(void)
{
	reclaim_output();
}

int console_poll(void)
{
	if (READ_ONCE(typed_head) == typed_tail)
		return -1;
	return (u8)typed[typed_tail++ % TYPED_SIZE];
}

int console_getc(void)
{
	u32 flags = irq_save();
	int c;

	while ((c = console_poll()) < 0)
		irq_wait();
	irq_restore(flags);
	return c;
}

bool console_interrupted(void)
{
	u32 flags = irq_save();
	bool was = interrupted;

	interrupted = false;
	/* ^C also discards what was typed before it. */
	if (was)
		typed_tail = typed_head;
	irq_restore(flags);
	return was;
}

/* The rest of an escape sequence; only the two arrows mean anything. */
static int read_escape(void)
{
	int c = console_getc();

	if (c != '[' && c != 'O')
		return 0;
	do {
		c = console_getc();
	} while (c < '@' || c > '~');
	return c;
}

static void erase(size_t *len, size_t to)
{
	for (; *len > to; --*len)
		printf("\b \b");
}

static void replace(char *line, size_t *len, size_t size, const char *with)
{
	erase(len, 0);
	*len = strscpy(line, with, size);
	printf("%s", line);
}

bool console_readline(const char *prompt, char *line, size_t size)
{
	static char history[HISTORY][80];
	static u32 newest;
	u32 back = 0;
	size_t len = 0;
	int c;

	printf("%s", prompt);
	for (;;) {
		c = console_getc();
		switch (c) {
		case '\r':
		case '\n':
			printf("\n");
			line[len] = '\0';
			if (len)
				strscpy(history[newest++ % HISTORY], line,
					sizeof(history[0]));
			return true;
		case CTRL('C'):
			interrupted = false;
			printf("^C\n");
			return false;
		case '\b':
		case KEY_DEL:
			if (len)
				erase(&len, len - 1);
			break;
		case CTRL('U'):
			erase(&len, 0);
			break;
		case CTRL('W'): {
			size_t to = len;

			while (to && line[to - 1] == ' ')
				to--;
			while (to && line[to - 1] != ' ')
				to--;
			erase(&len, to);
			break;
		}
		case CTRL('L'):
			line[len] = '\0';
			printf("\033[H\033[2J%s%s", prompt, line);
			break;
		case KEY_ESC:
			c = read_escape();
			if (c == 'A' && back < min(newest, HISTORY))
				back++;
			else if (c == 'B' && back)
				back--;
			else
				break;
			replace(line, &len, size,
				back ? history[(newest - back) % HISTORY] : "");
			break;
		default:
			if (c < ' ' || len + 1 >= size)
				break;
			line[len++] = c;
			printf("%c", c);
		}
	}
}
