// SPDX-License-Identifier: GPL-2.0
#include "clock.h"
#include "cpu.h"
#include "hypercall.h"
#include "irq.h"
#include "string.h"

static u32 period, ticks, measured;
static bool due, idle;
static u64 tsc_base, wall_base;

static void clock_irq(struct regs *regs)
{
	(void)regs;
	due = true;
	if (!period || idle)
		return;
	ticks++;
	hcall1(LHCALL_SET_CLOCKEVENT, period);
}

void wallclock(u32 *sec, u32 *nsec)
{
	u32 flags = irq_save();

	*sec = lguest_data.sec;
	*nsec = lguest_data.nsec;
	irq_restore(flags);
}

u64 wall_ns(void)
{
	u32 sec, nsec;

	wallclock(&sec, &nsec);
	return (u64)sec * NSEC_PER_SEC + nsec;
}

static void sleep_ns(u32 ns)
{
	u32 flags = irq_save();

	due = false;
	hcall1(LHCALL_SET_CLOCKEVENT, ns);
	while (!READ_ONCE(due))
		irq_wait();
	irq_restore(flags);
}

/* The host writes the wallclock whenever it delivers an interrupt. */
void clock_sync(void)
{
	sleep_ns(1);
}

static void measure_tsc(void)
{
	u64 tsc, wall;

	clock_sync();
	tsc = rdtsc();
	wall = wall_ns();
	sleep_ns(50 * NSEC_PER_MSEC);
	tsc = rdtsc() - tsc;
	wall = wall_ns() - wall;
	measured = div_u64(tsc * 1000, max_t(u32, div_u64(wall, 1000), 1));
}

void clock_init(u32 hz)
{
	irq_handler(CLOCK_IRQ, clock_irq);
	if (!measured)
		measure_tsc();
	tsc_base = rdtsc();
	wall_base = wall_ns();
	period = hz ? NSEC_PER_SEC / hz : 0;
	if (period)
		hcall1(LHCALL_SET_CLOCKEVENT, period);
}

void clock_idle(bool on)
{
	idle = on;
	hcall1(LHCALL_SET_CLOCKEVENT, on ? 0 : period);
}

void clock_stop(void)
{
	period = 0;
	hcall1(LHCALL_SET_CLOCKEVENT, 0);
	/* An interrupt may have been raised already. */
	irq_enable();
	hcall0(LHCALL_SEND_INTERRUPTS);
	irq_disable();
	irq_handler(CLOCK_IRQ, NULL);
}

u32 clock_ticks(void)
{
	return READ_ONCE(ticks);
}

bool clock_has_tsc(void)
{
	return lguest_data.tsc_khz;
}

u64 clock_ns(void)
{
	u64 ms;
	u32 rem;

	if (!clock_has_tsc())
		return wall_ns() - wall_base;
	ms = div_u64_rem(rdtsc() - tsc_base, lguest_data.tsc_khz, &rem);
	return ms * NSEC_PER_MSEC +
	       div_u64((u64)rem * NSEC_PER_MSEC, lguest_data.tsc_khz);
}

u32 tsc_per_ms(void)
{
	return measured;
}

u64 tsc_after_ms(u32 ms)
{
	/* Rather too long than too short. */
	return rdtsc() + (u64)ms * max(measured, lguest_data.tsc_khz);
}

void mdelay(u32 ms)
{
	u64 until = tsc_after_ms(ms);

	while (rdtsc() < until)
		barrier();
}
