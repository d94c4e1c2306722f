/* SPDX-License-Identifier: MIT */
/* The life of a runtime: new, shutdown, free; and the handles and guards of threads in it. */
#include <errno.h>
#include <string.h>

#include <pirn/runtime.h>

#include "runtime/builder.h"
#include "runtime/os/random.h"
#include "runtime/runtime.h"
#include "runtime/scheduler/context.h"
#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/base/scope.h"

int pirn_runtime_new(const pirn_runtime_opts *o, pirn_runtime **out)
{
    struct pirn_handle base = {.refs = 0}, *h = NULL;
    int r;

    if (out == NULL)
        return pirn__error(-EINVAL, "pirn_runtime_new: out is NULL");
    r = pirn__builder_read(o, &base);
    if (r != 0)
        return r;
    r = base.flavor->make(&base, &h);
    if (r != 0) {
        pirn__handle_free_texts(&base);
        return pirn__error(r, "pirn_runtime_new: %s%s", pirn_strerror(r),
                           r == -EAGAIN ? ": a thread could not be made" : "");
    }
    *out = (pirn_runtime *)(void *)h;
    return 0;
}

int pirn__runtime_check_thread(const struct pirn_handle *h, const char *call)
{
    if (h->owner != NULL && h->owner != &pirn__context)
        return pirn__error(-EPERM, "%s: the runtime is PIRN_RT_LOCAL, of another thread", call);
    return 0;
}

static int shut_down(pirn_runtime *rt, pirn_time deadline, bool for_good)
{
    struct pirn_handle *h = runtime_handle(rt);
    int r;

    if (rt == NULL)
        return pirn__error(-EINVAL, "pirn_runtime_shutdown: rt is NULL");
    if (pirn__scope.busy != 0)
        return pirn__error(-EDEADLK, "pirn_runtime_shutdown: inside a task");
    r = pirn__runtime_check_thread(h, "pirn_runtime_shutdown");
    return r != 0 ? r : h->flavor->shutdown(h, deadline, for_good);
}

int pirn_runtime_shutdown(pirn_runtime *rt, pirn_time deadline)
{
    return shut_down(rt, deadline, false);
}

void pirn_runtime_free(pirn_runtime *rt)
{
    if (rt == NULL)
        return;
    if (shared_spawner_is_closed(&runtime_handle(rt)->shared))
        CLIENT_BUG("pirn_runtime_free", "the runtime was freed before");
    if (shut_down(rt, PIRN_NEVER, true) != 0)
        CLIENT_BUG("pirn_runtime_free", pirn_last_error_text());
    pirn__handle_release(runtime_handle(rt));
}

int pirn_run(const pirn_runtime_opts *o, const pirn_task_desc *d, void *frame, pirn_result *res,
             void *out)
{
    pirn_runtime *rt;
    int r = pirn__scope.busy != 0 ? pirn__error(-EDEADLK, "pirn_run: inside a task")
                                  : pirn_runtime_new(o, &rt);

    if (r != 0)
        return r;
    r = pirn_block_on(pirn_runtime_handle(rt), d, frame, res, out);
    pirn_runtime_free(rt);
    return r;
}

pirn_handle *pirn_runtime_handle(pirn_runtime *rt)
{
    return runtime_handle(rt);
}

pirn_handle *pirn_handle_current(void)
{
    return context_handle();
}

/* ---- guards -------------------------------------------------------------------------------------- */

struct guard {
    struct pirn_handle *before;
    struct guard *outer;
    struct context *thread; /* NULL: not entered */
    uint64_t spare;
};
_Static_assert(sizeof(struct guard) == sizeof(pirn_enter), "a guard fits what is promised");

static void leave_innermost(void)
{
    struct guard *g = pirn__scope.guards;
    struct pirn_handle *h = context_handle();

    pirn__scope.runtime = g->before;
    pirn__scope.guards = g->outer;
    g->thread = NULL;
    pirn_handle_unref(h);
}

/* A fault jumps over their ends. */
static void leave_guards(void *until)
{
    while (pirn__scope.guards != until)
        leave_innermost();
}

int pirn_handle_enter(pirn_handle *h, pirn_enter *guard)
{
    struct guard *g = (struct guard *)(void *)guard;

    if (h == NULL || guard == NULL)
        return pirn__error(-EINVAL, "pirn_handle_enter: %s is NULL", h == NULL ? "h" : "guard");
    *g = (struct guard){context_handle(), pirn__scope.guards, &pirn__context, 0};
    pirn__scope.runtime = pirn_handle_ref(h);
    pirn__scope.guards = g;
    pirn__scope.leave_guards = leave_guards;
    return 0;
}

void pirn_enter_exit(pirn_enter *guard)
{
    struct guard *g = (struct guard *)(void *)guard;

    if (g == NULL || g->thread != &pirn__context || pirn__scope.guards != g)
        CLIENT_BUG("pirn_enter_exit", "not the innermost guard of this thread");
    leave_innermost();
}

uint64_t pirn_random(void)
{
    struct spawner *sp = pirn__context.spawner;

    return sp != NULL ? pirn__random_next(&sp->random) : pirn__random_seed();
}
