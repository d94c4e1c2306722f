/* SPDX-License-Identifier: MIT */
/* What a poll function may ask of its context, and wakers as callers see them. */
#include "task/cx.h"

#include <errno.h>

#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/base/scope.h"
#include "task/waker.h"

void pirn__poller_init(struct poller *p, const struct sched *s, uint32_t budget)
{
    p->budget = budget;
    p->polls = &p->stats.polls;
    p->cx.waker.vt = &pirn__task_waker_vt;
    p->cx.root = &p->cx;
    p->cx.sched = s;
}

/* ---- wakers -------------------------------------------------------------------------------- */

/* Seen while the cell has not been reused: a task has references, a vacant cell none. */
static struct header *check_waker(const pirn_waker *w, const char *call)
{
    struct header *h = w->data;

    if (UNLIKELY(STATE_REFS(pirn__state_peek(&h->state)) == 0))
        CLIENT_BUG(call, "the waker was woken or dropped before");
    return h;
}

pirn_waker pirn_waker_clone(const pirn_waker *w)
{
    pirn_waker copy = *w;

    if (w->vt == &pirn__task_waker_vt)
        pirn__waker_clone(check_waker(w, "pirn_waker_clone"));
    else if (w->vt != NULL)
        copy.data = w->vt->clone(w->data);
    return copy;
}

void pirn_waker_wake(pirn_waker w)
{
    if (w.vt == &pirn__task_waker_vt)
        pirn__waker_wake((struct task_waker){check_waker(&w, "pirn_waker_wake")});
    else if (w.vt != NULL)
        w.vt->wake(w.data);
}

void pirn_waker_wake_by_ref(const pirn_waker *w)
{
    if (w->vt == &pirn__task_waker_vt)
        pirn__waker_wake_by_ref(check_waker(w, "pirn_waker_wake_by_ref"));
    else if (w->vt != NULL)
        w->vt->wake_by_ref(w->data);
}

void pirn_waker_drop(pirn_waker w)
{
    if (w.vt == &pirn__task_waker_vt)
        pirn__waker_drop((struct task_waker){check_waker(&w, "pirn_waker_drop")});
    else if (w.vt != NULL)
        w.vt->drop(w.data);
}

bool pirn_waker_will_wake(const pirn_waker *a, const pirn_waker *b)
{
    return a->vt == b->vt && (a->vt == NULL || a->data == b->data);
}

pirn_waker pirn_cx_waker(pirn_cx *cx)
{
    return pirn_waker_clone(&cx->waker);
}

const pirn_waker *pirn_cx_borrow_waker(const pirn_cx *cx)
{
    return &cx->waker;
}

/* ---- the poll ------------------------------------------------------------------------------ */

/* To be polled again, but after everything else that is ready. */
static void yield(pirn_cx *cx)
{
    if (cx->root == cx)
        cx->yielding = true;
    pirn_waker_wake_by_ref(&cx->waker);
}

int pirn_yield_poll(unsigned *state, pirn_cx *cx)
{
    if (*state != 0) {
        *state = 0;
        return 0;
    }
    *state = 1;
    yield(cx);
    return PIRN_PENDING;
}

int pirn_pending_poll(pirn_cx *cx)
{
    if (cx->root != NULL)
        cx->root->forever = true;
    return PIRN_PENDING;
}

bool pirn_cx_cancelled(const pirn_cx *cx)
{
    const struct pirn_cx *root = cx->root;

    if (root == NULL)
        return false;
    return root->sched->ops->stopping(root->sched) ||
           (root->cell != NULL && (pirn__state_load(&root->cell->state) & STATE_CANCELLED));
}

uint64_t pirn_task_id(void)
{
    return pirn__scope.task_id;
}

struct pirn_cx *pirn__cx_current(void)
{
    struct pirn_cx *cx = pirn__scope.cx != NULL ? pirn__scope.cx->root : NULL;

    if (cx == NULL)
        cx = pirn__scope.blocking;
    return cx != NULL && cx->ops != NULL && pirn__scope.dropping == NULL ? cx : NULL;
}

bool pirn__cx_take_unit(pirn_cx *cx)
{
    if (cx->budget_full == PIRN_UNLIMITED)
        return true;
    if (cx->budget != 0) {
        cx->budget--;
        return true;
    }
    yield(cx);
    if (cx->root != NULL)
        cx->root->exhausted = true;
    return false;
}

int pirn_consume_budget_poll(pirn_cx *cx)
{
    return pirn__cx_take_unit(cx) ? 0 : PIRN_PENDING;
}

/* ---- executors of the caller's own ----------------------------------------------------------- */

int pirn_poll_with(const pirn_waker *w, int (*poll)(void *frame, pirn_cx *cx, void *out),
                   void *frame, void *out)
{
    struct pirn_cx *outer = pirn__scope.cx;
    struct pirn_cx cx = {.waker = w != NULL ? *w : (pirn_waker){NULL, NULL},
                         .budget = PIRN_UNLIMITED,
                         .budget_full = PIRN_UNLIMITED};
    int r;

    if (poll == NULL)
        return pirn__error(-EINVAL, "pirn_poll_with: poll is NULL");
    if (cx.waker.vt != NULL && cx.waker.vt->size < sizeof *cx.waker.vt)
        return pirn__error(-EINVAL, "pirn_waker_vt.size: %zu, must be %zu or more",
                           cx.waker.vt->size, sizeof *cx.waker.vt);
    if (outer != NULL) {
        cx.root = outer->root;
        cx.budget = outer->budget;
        cx.budget_full = outer->budget_full;
    }
    pirn__scope.cx = &cx;
    r = poll(frame, &cx, out);
    pirn__scope.cx = outer;
    if (outer != NULL)
        outer->budget = cx.budget;
    return r;
}
