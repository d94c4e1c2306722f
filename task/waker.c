/* SPDX-License-Identifier: MIT */
/* Waking a task: from its own poll, from the thread that runs its scheduler, from anywhere else.
 *
 * The three differ in price. A poll that wakes its own task sets a plain flag, which T2 merges into
 * the word. On the scheduler's own thread the waker's reference becomes the Notified's. From
 * outside the waker keeps its reference until it has scheduled: the task may run, complete and be
 * freed meanwhile, and that reference is what keeps the scheduler's memory there. */
#include "task/waker.h"

#include "task/base/assert.h"
#include "task/base/scope.h"
#include "task/cell.h"
#include "task/cx.h"
#include "task/fault.h"
#include "task/harness.h"

#if !defined(PIRN_MODEL)
/* Whether the innermost poll on this thread is this task's. */
static struct pirn_cx *own_poll(const struct header *h)
{
    struct pirn_cx *cx = pirn__scope.cx;

    return cx != NULL && cx->cell == h ? cx : NULL;
}
#endif

void pirn__waker_clone(struct header *h)
{
    pirn__state_ref_inc(&h->state);
}

void pirn__waker_wake_by_ref(struct header *h)
{
    struct pirn_cx *own = own_poll(h);

    if (own != NULL)
        own->self_woken = true;
    else if (pirn__state_wake_by_ref(&h->state) == WAKE_SUBMIT)
        h->sched->ops->schedule(h->sched, (struct notified){h});
}

static void wake_from_outside(struct header *h)
{
    switch (pirn__state_wake_by_val(&h->state)) {
    case WAKE_NONE:
        break;
    case WAKE_SUBMIT:
        h->sched->ops->schedule(h->sched, (struct notified){h});
        if (!pirn__state_ref_dec(&h->state, 1))
            break;
        pirn__harness_free(h);
        break;
    case WAKE_FREE:
        pirn__harness_free(h);
        break;
    }
}

void pirn__waker_wake(struct task_waker w)
{
    struct header *h = w.cell;
    struct sched *s = h->sched;
    struct pirn_cx *own = own_poll(h);

    if (own != NULL) {
        bool last = pirn__state_ref_dec(&h->state, 1);

        ASSERT(!last); /* the runner has a reference */
        own->self_woken = true;
        return;
    }
    if (!sched_is_here(s)) {
        wake_from_outside(h);
        return;
    }
    switch (pirn__state_wake_hand_over(&h->state)) {
    case WAKE_NONE:
        break;
    case WAKE_SUBMIT:
        s->ops->schedule(s, (struct notified){h});
        break;
    case WAKE_FREE:
        pirn__harness_free(h);
        break;
    }
}

/* A waker that goes unused may have been the last thing that could wake the task: the list and the
 * join handle cannot. The report is made before the reference is given up: what it says stays true,
 * and the reference keeps what is reported, and the scheduler that reports. */
void pirn__waker_drop(struct task_waker w)
{
    struct header *h = w.cell;
    struct task_facts facts;

    switch (pirn__state_drop_waker(&h->state)) {
    case WAKER_DROP_DONE:
        return;
    case WAKER_DROP_FREE:
        break;
    case WAKER_DROP_LAST:
        pirn__harness_facts(h, &facts);
        if (!facts.forever)
            h->sched->ops->forgotten(h->sched, &facts);
        if (!pirn__state_ref_dec(&h->state, 1))
            return;
        break;
    }
    pirn__harness_free(h);
}

void pirn__waker_abort(struct abort_handle a)
{
    struct header *h = a.cell;

    if (pirn__state_cancel(&h->state))
        h->sched->ops->schedule(h->sched, (struct notified){h});
    else if (UNLIKELY(h->sched->ops->cancelled != NULL))
        h->sched->ops->cancelled(h->sched, h);
}

/* ---- as the public waker sees it ------------------------------------------------------------ */

static void *vt_clone(void *data)
{
    pirn__waker_clone(data);
    return data;
}

static void vt_wake(void *data)
{
    pirn__waker_wake((struct task_waker){data});
}

static void vt_wake_by_ref(void *data)
{
    pirn__waker_wake_by_ref(data);
}

static void vt_drop(void *data)
{
    pirn__waker_drop((struct task_waker){data});
}

const pirn_waker_vt pirn__task_waker_vt = {
    sizeof(pirn_waker_vt), vt_clone, vt_wake, vt_wake_by_ref, vt_drop,
};

static void wake_foreign(void *arg)
{
    const pirn_waker *w = arg;

    w->vt->wake(w->data);
}

void pirn__waker_wake_contained(pirn_waker *w, struct sched *s)
{
    if (w->vt == &pirn__task_waker_vt)
        pirn__waker_wake((struct task_waker){w->data});
    else if (w->vt == NULL)
        return; /* a poll with the empty waker */
    else if (LIKELY(w->vt->size >= WAKER_VT_PARKER))
        w->vt->wake(w->data);
    else if (!pirn__contain(wake_foreign, w) && s != NULL)
        s->ops->contained(s);
}
