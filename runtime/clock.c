/* SPDX-License-Identifier: MIT */
/* A runtime's clock, paused and moved by its user. */
#include <errno.h>

#include <pirn/time.h>

#include "runtime/scheduler/context.h"
#include "runtime/scheduler/current_thread.h"
#include "runtime/scheduler/rt_handle.h"
#include "task/base/error.h"
#include "task/base/scope.h"
#include "task/cx.h"

/* *@h: the current runtime instead of NULL. Return: 0, PIRN_ENORUNTIME. */
static int clock_runtime(pirn_handle **h, const char *call)
{
    if (*h == NULL)
        *h = context_handle();
    return *h != NULL ? 0
                      : pirn__error(PIRN_ENORUNTIME,
                                    "%s: no handle given, and this thread is in no runtime", call);
}

/* What this poll has read of it is not the time any more; and the driver has more, or less, to
 * wait. */
static void clock_changed(struct pirn_handle *h, struct timers *t)
{
    const struct pirn_cx *cx = pirn__scope.cx;

    if (cx != NULL && cx->root != NULL)
        cx->root->now = 0;
    if (spawner_here(h) == NULL)
        pirn__handle_timer_set(h, t);
}

/* Of a current-thread runtime: there is one. */
static struct timers *clock_timers(struct pirn_handle *h)
{
    return &h->flavor->spawner(h, 0)->timers;
}

int pirn_clock_pause(pirn_handle *h)
{
    int r = clock_runtime(&h, "pirn_clock_pause");

    if (r != 0)
        return r;
    if (h->flavor != &pirn__ct_flavor)
        return pirn__error(-EINVAL, "pirn_clock_pause: of a current-thread runtime only");
    if (!pirn__rt_clock_pause(&h->clock))
        return pirn__error(-EBUSY, "pirn_clock_pause: it is paused");
    pirn__timers_set_exact(clock_timers(h), pirn__rt_now(h), true);
    clock_changed(h, clock_timers(h));
    return 0;
}

int pirn_clock_resume(pirn_handle *h)
{
    int r = clock_runtime(&h, "pirn_clock_resume");

    if (r != 0)
        return r;
    if (!pirn__rt_clock_resume(&h->clock))
        return pirn__error(-EINVAL, "pirn_clock_resume: it is not paused");
    pirn__timers_set_exact(clock_timers(h), pirn__rt_now(h), false);
    clock_changed(h, clock_timers(h));
    return 0;
}

int pirn_clock_advance(pirn_handle *h, int64_t ns)
{
    struct wake_list wakes;
    int r = clock_runtime(&h, "pirn_clock_advance");

    if (r != 0)
        return r;
    if (ns < 0)
        return pirn__error(-EINVAL, "pirn_clock_advance: ns is negative");
    if (!pirn__rt_clock_advance(&h->clock, ns))
        return pirn__error(-EINVAL, "pirn_clock_advance: it is not paused");
    wake_list_init(&wakes);
    pirn__timers_advance(clock_timers(h), pirn__rt_now(h), &wakes);
    pirn__wake_flush(&wakes);
    clock_changed(h, clock_timers(h));
    return 0;
}
