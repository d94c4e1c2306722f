/* SPDX-License-Identifier: MIT */
/* The calls that run a runtime: pirn_block_on() and pirn_runtime_turn(). */
#include <errno.h>

#include <pirn/runtime.h>

#include "runtime/runtime.h"
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
    r = pirn__runtime_check_thread(ct_of(h), "pirn_block_on");
    return r != 0 ? r : pirn__ct_block_on(ct_of(h), d, frame, res, out);
}

int pirn_runtime_fd(pirn_runtime *rt)
{
    if (rt == NULL)
        return pirn__error(-EINVAL, "pirn_runtime_fd: rt is NULL");
    pirn__ct_use_fd(runtime_ct(rt));
    return runtime_ct(rt)->driver.epoll_fd;
}

int pirn_runtime_turn(pirn_runtime *rt, pirn_time until, pirn_time *next_deadline)
{
    int r;

    if (rt == NULL)
        return pirn__error(-EINVAL, "pirn_runtime_turn: rt is NULL");
    if (pirn__scope.busy != 0)
        return pirn__error(-EDEADLK, "pirn_runtime_turn: inside a task");
    r = pirn__runtime_check_thread(runtime_ct(rt), "pirn_runtime_turn");
    if (r == 0)
        r = pirn__ct_turn(runtime_ct(rt), until);
    if (r >= 0 && next_deadline != NULL)
        *next_deadline = PIRN_NEVER; /* there are no timers yet */
    return r;
}
