/* SPDX-License-Identifier: MIT */
/* The calls that run a runtime: pirn_block_on() and pirn_runtime_turn(). */
#include <errno.h>

#include <pirn/runtime.h>

#include "runtime/runtime.h"
#include "runtime/scheduler/current_thread.h"
#include "task/base/error.h"
#include "task/base/scope.h"
#include "task/task.h"

int pirn_block_on(pirn_handle *h, const pirn_task_desc *d, void *frame, pirn_result *res, void *out)
{
    int r = pirn__task_check(d);

    if (r != 0)
        return r;
    if (pirn__scope.busy != 0)
        return pirn__error(-EDEADLK, "pirn_block_on: inside a task");
    h = pirn__runtime_resolve(h, "pirn_block_on");
    if (h == NULL)
        return PIRN_ENORUNTIME;
    if (frame == NULL && d->frame_size != 0)
        return pirn__error(-EINVAL, "pirn_block_on: frame is NULL, and frame_size is not 0");
    r = pirn__runtime_check_thread(h, "pirn_block_on");
    return r != 0 ? r : h->flavor->block_on(h, d, frame, res, out);
}

/* The current-thread runtime that a foreign loop drives; NULL, with the error text, if it is none. */
static struct current_thread *turning(pirn_runtime *rt, const char *call)
{
    if (rt == NULL)
        (void)pirn__error(-EINVAL, "%s: rt is NULL", call);
    else if (runtime_handle(rt)->flavor == &pirn__ct_flavor)
        return ct_of(runtime_handle(rt));
    else
        (void)pirn__error(-EINVAL, "%s: a multi-thread runtime runs by itself", call);
    return NULL;
}

int pirn_runtime_fd(pirn_runtime *rt)
{
    struct current_thread *ct = turning(rt, "pirn_runtime_fd");

    if (ct == NULL)
        return -EINVAL;
    pirn__ct_use_fd(ct);
    return ct->driver.io.epoll_fd;
}

int pirn_runtime_turn(pirn_runtime *rt, pirn_time until, pirn_time *next_deadline)
{
    struct current_thread *ct = turning(rt, "pirn_runtime_turn");
    int r;

    if (ct == NULL)
        return -EINVAL;
    if (pirn__scope.busy != 0)
        return pirn__error(-EDEADLK, "pirn_runtime_turn: inside a task");
    r = pirn__runtime_check_thread(&ct->base, "pirn_runtime_turn");
    if (r == 0)
        r = pirn__ct_turn(ct, until, next_deadline);
    return r;
}
