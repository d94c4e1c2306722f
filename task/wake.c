/* SPDX-License-Identifier: MIT */
/* Borrowed wakers, and what a wake still owes when the lock is given back. */
#include "task/wake.h"

#include "task/base/assert.h"
#include "task/cell.h"
#include "task/cx.h"
#include "task/harness.h"
#include "task/op.h"
#include "task/waker.h"

const pirn_waker_vt pirn__borrowed_vt = {WAKER_VT_OWN, NULL, NULL, NULL, NULL};

void pirn__op_waker_make(struct op_waker *w, void *state, pirn_cx *cx)
{
    bool borrowed = cx->cell != NULL && op_is_listed(state);

    op_set_armed(state, borrowed);
    if (LIKELY(borrowed)) {
        w->vt = &pirn__borrowed_vt;
        w->data = cx->cell;
    } else {
        w->vt = cx->waker.vt;
        w->data = cx->waker.vt != NULL ? cx->waker.vt->clone(cx->waker.data) : NULL;
    }
}

void pirn__op_waker_drop(struct op_waker *w)
{
    const pirn_waker_vt *vt = w->vt;

    w->vt = NULL;
    if (vt != NULL && vt != &pirn__borrowed_vt)
        vt->drop(w->data);
}

static void put_last(struct header **first, struct header **last, struct header *h)
{
    h->queue_next = NULL;
    if (*first == NULL)
        *first = h;
    else
        (*last)->queue_next = h;
    *last = h;
}

/* From outside its scheduler a Notified alone does not keep that: the task may run and end as soon as it is
 * in a queue. A second reference does, until we have done with it. Also where it is not known whether that is
 * so, as for a local set, which the wakes before this may free. */
static NOINLINE void add_other(struct wake_list *l, struct header *h)
{
    pirn__state_ref_inc(&h->state);
    put_last(&l->other_first, &l->other_last, h);
}

static NOINLINE void add_foreign(struct wake_list *l, struct op_waker *w)
{
    ASSERT(wake_list_has_room(l));
    l->foreign[l->count].vt = w->vt;
    l->foreign[l->count++].data = w->data;
    w->vt = NULL;
}

void pirn__wake_take(struct wake_list *l, struct op_waker *w)
{
    struct header *h = w->data;

    if (UNLIKELY(w->vt != &pirn__borrowed_vt)) {
        if (w->vt != NULL)
            add_foreign(l, w);
        return;
    }
    w->vt = NULL;
    if (pirn__state_wake_by_ref(&h->state) != WAKE_SUBMIT)
        return;
    if (LIKELY(h->sched == scope_here()))
        put_last(&l->first, &l->last, h);
    else
        add_other(l, h);
}

static void flush_others(struct header *h)
{
    struct header *next;

    for (; h != NULL; h = next) {
        next = h->queue_next;
        h->sched->ops->schedule(h->sched, (struct notified){h});
        if (pirn__state_ref_dec(&h->state, 1))
            pirn__harness_free(h);
    }
}

static void flush_foreign(struct wake_list *l)
{
    for (uint32_t i = 0; i < l->count; i++)
        pirn__waker_wake_contained(&l->foreign[i], NULL);
}

static NOINLINE void flush_many(struct wake_list *l)
{
    struct header *next;

    for (struct header *h = l->first; h != NULL; h = next) {
        next = h->queue_next;
        h->sched->ops->schedule(h->sched, (struct notified){h});
    }
    flush_others(l->other_first);
    flush_foreign(l);
    wake_list_init(l);
}

void pirn__wake_flush(struct wake_list *l)
{
    struct header *h = l->first;

    /* One task, as a rule, and of this thread's scheduler. */
    if (UNLIKELY(l->count != 0 || l->other_first != NULL || (h != NULL && h != l->last))) {
        flush_many(l);
    } else if (h != NULL) {
        l->first = NULL;
        h->sched->ops->schedule(h->sched, (struct notified){h});
    }
}
