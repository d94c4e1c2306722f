/* SPDX-License-Identifier: MIT */
/* pirn/time.h: sleeping, deadlines for other operations, intervals, and a clock that tests can
 * pause.
 *
 * Deadlines are pirn_time: absolute, ns, by the runtime's clock, which is CLOCK_MONOTONIC unless it
 * was paused. pirn_now() and pirn_after() are in pirn/task.h. A timer is never early; it is late by
 * up to 66 us, for deadlines are rounded up, and by what runs before it; in a task that is always
 * ready by up to a millisecond more, for no clock is read only for it. PIRN_NEVER is no deadline.
 *
 * Timers belong to the thread that runs the task, and need one that drives: on the current-thread
 * flavour nothing fires while nobody is inside pirn_block_on() or pirn_runtime_turn(). Under
 * pirn_poll_with() and pirn_poll_wait() the current runtime's are used, and its clock. Nothing here
 * allocates. */
#ifndef PIRN_TIME_H
#define PIRN_TIME_H

#include <pirn/op.h>
#include <pirn/runtime.h>
#include <pirn/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sleep ------------------------------------------------------------------------------ */

/**
 * pirn_sleep_poll() - wait until a point in time
 * @op: idle, or pending in this call
 * @at: the deadline; past for a millisecond, or by the pirn_now() of this poll: at once. Of a
 *      pending op it is not looked at: pirn_sleep_poll(&f->op, cx, pirn_after(PIRN_SEC)) may be
 *      written where it is polled again and again
 *
 * Takes a unit of budget when it ends. Dropped half-way: nothing is lost.
 * Threads: the one that polls. (tokio: time::sleep_until, sleep)
 *
 * Return: PIRN_PENDING; 0: the deadline is past; PIRN_ENORUNTIME: the thread is in no runtime;
 * PIRN_ESHUTDOWN: the runtime has stopped, so nobody would wake it.
 */
PIRN_API PIRN_MUST_USE int pirn_sleep_poll(pirn_op *op, pirn_cx *cx, pirn_time at);

/**
 * pirn_sleep_after_poll() - wait for a length of time from the first call on
 * @ns: 0 or less: at once; a pending op's is not looked at
 *
 * As pirn_sleep_poll(op, cx, pirn_after(ns)), without a reading of the clock at every poll; it may
 * be a millisecond later. The same op serves both calls, while it is pending too. (tokio:
 * time::sleep)
 * Return: as pirn_sleep_poll().
 */
PIRN_API PIRN_MUST_USE int pirn_sleep_after_poll(pirn_op *op, pirn_cx *cx, int64_t ns);

/**
 * pirn_sleep_reset() - another deadline for a sleep or timeout that is pending
 * @op: of a sleep or timeout; idle: nothing happens, for the next call begins anew.
 *      Pending in a call of another kind is misuse: message, abort
 * @at: earlier or later than before, or PIRN_NEVER
 *
 * Also when the old deadline is past and that was not seen yet. In the poll of its task nothing
 * more is to be done. Elsewhere (a root, pirn_poll_with()) one whose waker was woken already, or
 * that had no deadline, is to be polled again.
 * Threads: the one that polls. (tokio: Sleep::reset)
 */
PIRN_API void pirn_sleep_reset(pirn_op *op, pirn_time at);

/**
 * pirn_timeout_poll() - a deadline for another operation
 * @op:     idle, or pending in this call; not the inner operation's
 * @at:     the deadline, as for pirn_sleep_poll()
 * @inner:  what is dropped when it is too late; NULL: nothing, the caller sees to it
 * @polled: what the inner poll has just returned
 *
 *     r = pirn_timeout_poll(&f->limit, cx, f->until, &f->op,
 *                           pirn_mpsc_recv_poll(&f->op, cx, rx, &m));
 *
 * The inner operation goes first: if it has ended, that counts, however late it is. The time is
 * looked at even if it has used up the task's budget, and takes no budget itself. A timeout whose
 * inner operation ends before the task comes to wait costs no lock and no reading of a clock.
 * Dropped half-way: nothing is lost; the inner operation goes on being the caller's.
 * Threads: the one that polls. (tokio: time::timeout_at, timeout)
 *
 * Return: @polled unless that is PIRN_PENDING; PIRN_PENDING; -ETIMEDOUT: the deadline is past;
 * PIRN_ENORUNTIME, PIRN_ESHUTDOWN: as pirn_sleep_poll(). In the last three cases @inner has been
 * dropped.
 */
PIRN_API PIRN_MUST_USE int pirn_timeout_poll(pirn_op *op, pirn_cx *cx, pirn_time at, pirn_op *inner,
                                             int polled);

/**
 * pirn_timeout_after_poll() - a limit, in time from the first call on, for another operation
 * @ns: 0 or less: it is late at once, unless it has ended; a pending op's is not looked at
 *
 * As pirn_timeout_poll(op, cx, pirn_after(ns), …), without a reading of the clock at every poll: if
 * the inner operation ends before the task comes to wait, there is none at all. It may be a
 * millisecond later. (tokio: time::timeout)
 * Return: as pirn_timeout_poll().
 */
PIRN_API PIRN_MUST_USE int pirn_timeout_after_poll(pirn_op *op, pirn_cx *cx, int64_t ns,
                                                   pirn_op *inner, int polled);

/* ---- intervals -------------------------------------------------------------------------- */

/* What becomes of ticks that nobody took in time: more than 5 ms after they were due. */
enum pirn_missed {
    PIRN_MISSED_BURST = 0, /* they come at once, one after the other, until it has caught up */
    PIRN_MISSED_DELAY,     /* the next comes a period from now, and so on from there */
    PIRN_MISSED_SKIP       /* the next comes at the next multiple of the period */
};

/* In the frame of one task at a time; zeroed, and after pirn_op_drop(&i->op), it may be moved or
 * go. */
typedef struct pirn_interval {
    pirn_op op;      /* what waits; pirn_op_drop() it where there is no task to do so */
    pirn_time next;  /* when the next tick is due. To be read; written by the calls below */
    int64_t period;  /* ns, as the next */
    uint64_t missed; /* enum pirn_missed */
} pirn_interval;

/**
 * pirn_interval_init() - a tick at a point in time, and then one every period
 * @i:         not pending
 * @first:     when the first tick is due; past: at once
 * @period_ns: 1 or more; less is misuse: message, abort
 * @missed:    enum pirn_missed; another value is misuse as well
 *
 * Threads: any. (tokio: time::interval_at, interval, Interval::set_missed_tick_behavior)
 */
PIRN_API void pirn_interval_init(pirn_interval *i, pirn_time first, int64_t period_ns,
                                 enum pirn_missed missed);

/**
 * pirn_interval_poll() - wait for the next tick
 * @missed: on success, how many whole periods this tick is late, if it is more than 5 ms late; else
 *          0. With PIRN_MISSED_BURST so many ticks come at once after it, with the others none of
 *          them. May be NULL
 *
 * Takes a unit of budget for every tick. Dropped half-way, with the task or by
 * pirn_op_drop(&i->op): no tick is lost, the next poll waits for the same one. A tick whose time
 * cannot be represented never comes.
 * Threads: the one that polls. (tokio: Interval::poll_tick)
 *
 * Return: PIRN_PENDING; 0: a tick; PIRN_ENORUNTIME, PIRN_ESHUTDOWN: as pirn_sleep_poll().
 */
PIRN_API PIRN_MUST_USE int pirn_interval_poll(pirn_interval *i, pirn_cx *cx, uint64_t *missed);

/**
 * pirn_interval_reset() - the next tick at another time, and from there one every period
 * @at: pirn_now(): at once; pirn_after(period): as if it had ticked now
 *
 * Threads: the one that polls. Pending: as pirn_sleep_reset(). (tokio: Interval::reset, reset_at,
 * reset_after, reset_immediately)
 */
PIRN_API void pirn_interval_reset(pirn_interval *i, pirn_time at);

/* ---- a clock for tests ------------------------------------------------------------------ */

/**
 * pirn_clock_pause() - stop the clock of a current-thread runtime
 * @h: NULL: the current runtime
 *
 * From now on pirn_now() in it stands still, on every thread that is in it, and deadlines count to
 * the nanosecond. When nothing is ready, the thread that drives (turns too) does not sleep: the
 * clock goes on to the first timer at once, unless a blocking task waits or runs. Only what is
 * outside of it (descriptors, other threads) takes real time. Deadlines given to calls that block a
 * thread (…_wait, pirn_runtime_shutdown()) are still by CLOCK_MONOTONIC.
 * PIRN_RT_PAUSED in pirn_runtime_opts.flags does it from the start.
 * Threads: any. (tokio: time::pause)
 *
 * Return: 0; -EBUSY: it is paused; -EINVAL: a multi-thread runtime; PIRN_ENORUNTIME: @h is NULL and
 * this thread is in no runtime. As always, what fails has changed nothing.
 */
PIRN_API int pirn_clock_pause(pirn_handle *h);

/**
 * pirn_clock_resume() - let it go on from where it stands
 *
 * It is behind or ahead of CLOCK_MONOTONIC from now on. Threads: any. (tokio: time::resume)
 *
 * Return: 0; -EINVAL: it is not paused; PIRN_ENORUNTIME.
 */
PIRN_API int pirn_clock_resume(pirn_handle *h);

/**
 * pirn_clock_advance() - move a paused clock
 * @ns: 0 or more; the clock stops short of PIRN_NEVER
 *
 * When it returns, whatever became due has been woken, in the order of its deadlines; it runs
 * later, by its turn. A sleep that was not polled yet, or whose task is in this poll, is looked at
 * when it is polled.
 * Threads: any. (tokio: time::advance)
 *
 * Return: 0; -EINVAL: it is not paused, or @ns is negative; PIRN_ENORUNTIME.
 */
PIRN_API int pirn_clock_advance(pirn_handle *h, int64_t ns);

#ifdef __cplusplus
}
#endif
#endif
