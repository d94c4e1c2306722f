/* SPDX-License-Identifier: MIT */
/* The root of a pirn_block_on(): its waker, its polls, its end. */
#include "runtime/scheduler/root.h"

#include "runtime/driver/driver.h"
#include "runtime/scheduler/context.h"
#include "task/base/scope.h"
#include "task/fault.h"
#include "task/group.h"
#include "task/harness.h"
#include "task/waker.h"

/* More than wakers can be: while it is in `refs`, those given up elsewhere cannot reach 0. */
#define BIAS (UINT64_C(1) << 32)

static void root_unref(struct root *r, uint64_t n)
{
    if (ref_sub(&r->refs, n)) {
        struct pirn_handle *h = r->handle;

        h->sched.alloc.free(h->sched.alloc.user, r, sizeof *r);
        pirn_handle_unref(h);
    }
}

static bool on_own_thread(const struct root *r)
{
    return r->thread == &pirn__context && !r->ended;
}

static void *root_clone(void *data)
{
    struct root *r = data;

    if (on_own_thread(r))
        r->local++;
    else
        ref_add(&r->refs, 1);
    return r;
}

static void root_drop(void *data)
{
    struct root *r = data;

    if (on_own_thread(r))
        r->local--;
    else
        root_unref(r, 1);
}

static void root_wake_by_ref(void *data)
{
    struct root *r = data;

    if (on_own_thread(r))
        r->woken = true;
    else if (!(pirn__waiter_signal(&r->waiter, SIGNAL_WAKE) & SIGNAL_SLEEPING) && r->driver != NULL)
        pirn__driver_unpark(r->driver);
}

static void root_wake(void *data)
{
    root_wake_by_ref(data);
    root_drop(data);
}

static const pirn_waker_vt root_waker_vt = {
    WAKER_VT_OWN, root_clone, root_wake, root_wake_by_ref, root_drop,
};

struct root *pirn__root_new(struct pirn_handle *h, struct driver *driver, const pirn_task_desc *d,
                            void *frame, void *out)
{
    struct root *r = h->sched.alloc.alloc(h->sched.alloc.user, sizeof *r, _Alignof(struct root));

    if (r == NULL)
        return NULL;
    *r = (struct root){
        .thread = &pirn__context,
        .handle = pirn_handle_ref(h),
        .driver = driver,
        .woken = true, /* the first poll */
        .desc = d,
        .frame = frame,
        .out = out,
    };
    pirn__waiter_init(&r->waiter);
    ref_init(&r->refs, BIAS);
    r->cx.waker.vt = &root_waker_vt;
    r->cx.waker.data = r;
    r->cx.ops = &r->ops;
    r->cx.root = &r->cx;
    r->cx.sched = &h->sched;
    return r;
}

void pirn__root_free(struct root *r)
{
    r->ended = true;
    root_unref(r, BIAS - (uint64_t)r->local);
}

bool pirn__root_take_wake(struct root *r, bool *told)
{
    bool woken = r->woken;
    uint32_t signals;

    r->woken = false;
    /* mo: relaxed. Only whether to look closer: the exchange acquires. */
    if (atomic_load_explicit(&r->waiter.signal, memory_order_relaxed) != 0) {
        signals = pirn__waiter_take(&r->waiter);
        woken |= (signals & SIGNAL_WAKE) != 0;
        if (told != NULL)
            *told = (signals & SIGNAL_CORE) != 0;
    }
    return woken;
}

bool pirn__root_is_woken(struct root *r)
{
    /* mo: seq_cst pairs with [park]: a waker sets it, then looks at the driver. */
    return r->woken || atomic_load_explicit(&r->waiter.signal, memory_order_seq_cst) != 0;
}

bool pirn__root_poll(struct root *r, uint32_t budget)
{
    struct pirn_cx *cx = &r->cx;
    struct pirn_cx *outer = pirn__scope.cx;

    if (r->over) {
        r->ready = pirn__root_is_settled(r);
        return r->ready;
    }
    cx->budget = cx->budget_full =
        r->desc->flags & PIRN_TASK_UNCONSTRAINED ? PIRN_UNLIMITED : budget;
    cx->yielding = cx->faulted = cx->forever = false;
    cx->now = 0;
    pirn__scope.cx = cx;
    r->code = r->desc->poll(r->frame, cx, r->out);
    pirn__scope.cx = outer;
    if (cx->faulted)
        pirn__fault_raise();
    if (r->code > PIRN_PENDING)
        pirn_fault(r->code,
                   "poll of \"%s\" returned %d, which is neither 0, PIRN_PENDING nor "
                   "negative",
                   r->desc->name != NULL ? r->desc->name : "root", r->code);
    if (r->code != PIRN_PENDING) {
        pirn__root_decide(r, END_READY);
        r->ready = pirn__root_is_settled(r);
    }
    return r->ready;
}

/* ---- its end ----------------------------------------------------------------------------------- */

/* Any thread. Its waker keeps the root from going between the two. */
static void root_settled(struct settle *s)
{
    struct root *r = s->waits;

    /* mo: release pairs with [settled] in is_settled: the frame is as the children left it. */
    atomic_store_explicit(&r->settled, true, memory_order_release);
    root_wake(r);
}

void pirn__root_decide(struct root *r, enum end end)
{
    struct settle *s;

    if (r->over)
        return;
    r->over = true;
    r->end = (uint8_t)end;
    if (end == END_FAULTED)
        pirn__root_note_fault(r);
    s = r->ops != NULL ? pirn__groups_record(r->ops) : NULL;
    if (s == NULL)
        return;
    r->settling = true;
    settle_begin(s, root_settled, root_clone(r));
    pirn__groups_close(r->ops, s);
    if (settle_give(s))
        root_settled(s);
}

bool pirn__root_is_settled(const struct root *r)
{
    /* mo: acquire pairs with [settled] in root_settled. */
    return !r->settling || atomic_load_explicit(&r->settled, memory_order_acquire);
}

static void drop_frame(void *arg)
{
    struct root *r = arg;

    r->desc->drop(r->frame);
}

bool pirn__root_drop(struct root *r, struct sched *s)
{
    struct pirn_op **was = scope_swap_dropping(&r->ops);
    bool whole = true;

    if (r->settling)
        pirn__groups_drop_results(r->ops);
    pirn__harness_drop_ops(&r->ops, s, 0);
    if (r->desc->drop != NULL)
        whole = pirn__contain_busy(drop_frame, r);
    pirn__harness_drop_last(&r->ops, s, 0);
    (void)scope_swap_dropping(was);
    return whole;
}
