/* SPDX-License-Identifier: MIT */
/* pirn_block_in_place(): a poll that may block, on a thread that then is no worker any more.
 *
 * The worker is passed on to another thread of the pool before the function is called. Afterwards this
 * thread takes it back if the other has not come to it yet; else it ends its poll without one, and
 * goes back to the pool. */
#include <errno.h>

#include "runtime/scheduler/multi_thread.h"
#include "task/base/error.h"
#include "task/fault.h"

struct blocking_call {
    int (*fn)(void *arg);
    void *arg;
    int result;
};

static void call_fn(void *arg)
{
    struct blocking_call *c = arg;

    c->result = c->fn(c->arg);
}

/* On this thread waiting is allowed meanwhile. Return: false: it faulted. */
static bool call_contained(struct blocking_call *c)
{
    struct pirn_cx *cx = pirn__scope.cx, *blocking = pirn__scope.blocking;
    unsigned busy = pirn__scope.busy;
    bool whole;

    pirn__scope.busy = 0;
    pirn__scope.cx = NULL; /* pirn_now() reads the clock */
    pirn__scope.blocking = cx != NULL ? cx->root : blocking;
    whole = pirn__contain(call_fn, c);
    pirn__scope.blocking = blocking;
    pirn__scope.busy = busy;
    pirn__scope.cx = cx;
    if (cx != NULL && cx->root != NULL)
        cx->root->now = 0; /* time has passed in this poll */
    return whole;
}

static int call_unbound(struct blocking_call *c)
{
    if (!call_contained(c))
        pirn__fault_raise();
    return c->result;
}

/* For dumps and the watchdog: which worker is behind this thread's poll. */
static void say_worker(struct runner *r, uint32_t worker)
{
    /* mo: relaxed, for people. */
    atomic_store_explicit(&r->thread->poller.worker, worker, memory_order_relaxed);
}

/* What this thread does now is for @w; NULL: for no worker. */
static void set_worker(struct runner *r, struct worker *w)
{
    r->worker = w;
    pirn__context.spawner = w != NULL ? &w->spawner : NULL;
    pirn__scope.here = w != NULL ? &w->mt->base.sched : NULL;
}

/* The worker that was passed on is this thread's again. False: another thread runs it. */
static bool take_back(struct runner *r, struct worker *w)
{
    if (!pirn__worker_take_over(w))
        return false;
    set_worker(r, w);
    say_worker(r, w->index);
    w->spawner.poller = &r->thread->poller;
    return true;
}

/* Threads in such calls count as blocking ones: there may be as many as the pool may have. */
static bool take_place(struct multi_thread *mt)
{
    /* mo: relaxed, both: a limit on how many, no more. */
    uint32_t others = atomic_fetch_add_explicit(&mt->in_place, 1, memory_order_relaxed);
    uint32_t busy = pirn__pool_busy(&mt->base.blocking.pool);

    if (others + busy < mt->base.max_blocking_threads)
        return true;
    (void)atomic_fetch_sub_explicit(&mt->in_place, 1, memory_order_relaxed);
    return false;
}

static void give_place(struct multi_thread *mt)
{
    /* mo: relaxed. As above. */
    (void)atomic_fetch_sub_explicit(&mt->in_place, 1, memory_order_relaxed);
}

/* What waits in the slot goes on with the others. */
static void empty_slot(struct worker *w)
{
    struct header *h = pirn__worker_take_lifo(w);

    if (h != NULL)
        pirn__mt_push_local(w, h);
}

/* Nobody takes the worker over: what it holds is for the others to run. */
static void share_out(struct worker *w)
{
    struct header *tasks[QUEUE_STEAL_MAX];
    struct task_list chain;
    uint32_t n;

    task_list_init(&chain);
    while ((n = pirn__queue_take_many(&w->queue, tasks, QUEUE_STEAL_MAX)) != 0)
        for (uint32_t i = 0; i < n; i++)
            task_list_push(&chain, (struct notified){tasks[i]});
    pirn__mt_push_shared(w->mt, &chain);
}

/* Meanwhile this thread is no worker, so that what it spawns and wakes is for others, too. */
static bool call_keeping(struct blocking_call *c, struct runner *r)
{
    struct worker *w = r->worker;
    bool whole;

    /* mo: relaxed, a statistic. */
    (void)atomic_fetch_add_explicit(&w->mt->kept, 1, memory_order_relaxed);
    share_out(w);
    set_worker(r, NULL);
    whole = call_contained(c);
    set_worker(r, w);
    return whole;
}

/* Passes the worker on. False: there is no thread for it, and it is this thread's still. */
static bool pass_on(struct runner *r, struct worker *w)
{
    struct multi_thread *mt = w->mt;

    if (!take_place(mt))
        return false;
    pirn__spawner_give_back(&w->spawner);
    set_worker(r, NULL);
    say_worker(r, CELL_NO_WORKER);
    w->spawner.poller = NULL; /* of the next runner */
    pirn__worker_pass_on(w);
    if (pirn__pool_start(&mt->base.blocking.pool, (struct pool_job){pirn__worker_run, w}) == 0 ||
        !take_back(r, w))
        return true;
    give_place(mt);
    return false;
}

static int on_worker(struct blocking_call *c, struct runner *r)
{
    struct worker *w = r->worker;
    bool whole;

    empty_slot(w);
    if (pass_on(r, w)) {
        whole = call_contained(c);
        give_place(w->mt);
        (void)take_back(r, w);
    } else {
        whole = call_keeping(c, r);
    }
    if (!whole)
        pirn__fault_raise();
    return c->result;
}

/* Whether this thread is in the poll of a pirn_block_on()'s root, on a multi-thread runtime. */
static bool is_in_root(const struct pirn_cx *cx)
{
    const struct pirn_handle *h;

    if (cx == NULL || cx->root == NULL || cx->root->cell != NULL)
        return false;
    h = (const struct pirn_handle *)(const void *)cx->root->sched;
    return h->flavor == &pirn__mt_flavor;
}

/* Whether this thread may leave what it does: it is free, or in a poll of a worker or root itself, not
 * in a drop, a hook or a set of the poll's. */
static bool is_allowed(void)
{
    const struct runner *r = pirn__context.runner;

    if (pirn__scope.busy == 0)
        return true;
    if (pirn__scope.busy != 1 || pirn__context.set != NULL)
        return false;
    return r != NULL ? r->thread->poller.phase == PHASE_POLL : is_in_root(pirn__scope.cx);
}

int pirn_block_in_place(int (*fn)(void *arg), void *arg)
{
    struct blocking_call c = {fn, arg, 0};
    struct runner *r = pirn__context.runner;

    if (fn == NULL)
        return pirn__error(-EINVAL, "pirn_block_in_place: fn is NULL");
    if (!is_allowed())
        return pirn__error(-EDEADLK, "pirn_block_in_place: not on a current-thread runtime, in a "
                                     "local set, a drop or a hook");
    if (pirn__scope.busy == 0)
        return fn(arg);
    if (r == NULL || r->worker == NULL)
        return call_unbound(&c);
    return on_worker(&c, r);
}

int pirn_worker_index(void)
{
    const struct runner *r = pirn__context.runner;

    if (pirn__context.core != NULL)
        return 0;
    return r != NULL && r->worker != NULL ? (int)r->worker->index : -1;
}
