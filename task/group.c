/* SPDX-License-Identifier: MIT */
/* The children of a group: they come, are cancelled, end, and leave a result.
 *
 * A child's end runs on whatever thread completed it. It holds the group's lock for some instructions:
 * out of its list, into that of results, one fewer alive, and who is to be told. Everything that may
 * run code of the caller's, or free the group, comes after the lock is given back. */
#include "task/group.h"

#include <errno.h>

#include "task/base/assert.h"
#include "task/cell.h"
#include "task/fault.h"
#include "task/harness.h"
#include "task/join.h"
#include "task/waker.h"

enum {
    CANCEL_BATCH = 16, /* children that are cancelled between two turns at the lock */
    ABORT_STRIDE = 256 /* children that are looked at between two turns at the lock */
};

static struct group_node *node_of(struct ring *l)
{
    return container_of(l, struct group_node, link);
}

/* ---- life ------------------------------------------------------------------------------------ */

void pirn__group_ref(struct group *g)
{
    ref_add(&g->refs, 1);
}

void pirn__group_unref(struct group *g)
{
    struct group *parent;

    /* A group's end may be that of the one above it, and so on. */
    for (; g != NULL && ref_sub(&g->refs, 1); g = parent) {
        parent = g->parent;
        g->release(g);
    }
}

/* Among those that @parent's cancel reaches. False: it has been cancelled. */
static bool attach(struct group *g, struct group *parent)
{
    bool open;

    pirn__group_ref(parent);
    spin_take(&parent->lock);
    open = !parent->cancelled;
    if (open)
        ring_add(&parent->subs, &g->as_sub);
    else
        g->cause = parent->cause;
    spin_give(&parent->lock);
    return open;
}

void pirn__group_init(struct group *g, struct group *parent, uint32_t flags,
                      void (*release)(struct group *g), void *room)
{
    spin_init(&g->lock);
    g->freed = g->failed = false;
    g->cause = 0;
    g->first.outcome = PIRN_DONE;
    g->first.code = 0;
    g->first.task_id = 0;
    g->alive = g->untaken = 0;
    ring_init(&g->running);
    ring_init(&g->leaving);
    ring_init(&g->ended);
    ring_init(&g->waits);
    ring_init(&g->subs);
    g->as_sub.next = NULL;
    g->told = NULL;
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&g->discard, flags & GROUP_DISCARD, memory_order_relaxed);
    g->parent = parent;
    g->flags = flags;
    g->release = release;
    ref_init(&g->refs, 1);
    g->owner = NULL;
    g->tether.kind = NULL;
    g->record.room = room;
    g->cancelled = parent != NULL && !attach(g, parent);
}

/* ---- a child's end ------------------------------------------------------------------------------- */

/* Of a child that is complete. */
static void result_of(struct header *h, pirn_result *res)
{
    res->task_id = h->id;
    switch (cell_outcome(h)) {
    case OUTCOME_CANCELLED:
        res->outcome = PIRN_CANCELLED;
        res->code = -ECANCELED;
        break;
    case OUTCOME_FAULTED:
        res->outcome = PIRN_FAULTED;
        res->code = h->end.fault->code;
        break;
    case OUTCOME_FAULTED_PLAIN:
        res->outcome = PIRN_FAULTED;
        res->code = h->end.code;
        break;
    default:
        res->outcome = PIRN_DONE;
        res->code = h->end.code;
        break;
    }
}

/* Under the lock. Return: whether it is the first failure. */
static bool note_result(struct group *g, const pirn_result *res)
{
    bool failure = res->outcome == PIRN_FAULTED || (res->outcome == PIRN_DONE && res->code < 0);

    if (g->failed || (!failure && (res->outcome == PIRN_DONE || g->first.task_id != 0)))
        return false;
    g->failed = failure;
    g->first.outcome = res->outcome;
    g->first.code = res->code;
    g->first.task_id = res->task_id;
    return failure;
}

/* Under the lock: a child has left. What is to be done about it once the lock is given back. */
struct parting {
    struct settle *told;
    bool more; /* wakes for which there was no room; a reference is taken */
    bool one;  /* among them perhaps that of who waits for a result */
    bool last; /* of a freed group: its handle's reference is taken over */
};

static void part(struct group *g, struct parting *p, struct wake_list *wakes, bool result)
{
    p->told = NULL;
    p->last = false;
    if (g->alive == 0) {
        p->told = g->told;
        g->told = NULL;
        p->last = g->freed;
    }
    p->one = result;
    p->more = !ring_is_empty(&g->waits) && !pirn__group_take_wakes(g, wakes, &p->one);
    if (UNLIKELY(p->more))
        pirn__group_ref(g);
}

/* Without the lock; the last that is done with @g, unless @p says that there is more. */
static void parted(struct group *g, struct parting *p, struct wake_list *wakes)
{
    if (!wake_list_is_empty(wakes))
        pirn__wake_flush(wakes);
    if (UNLIKELY(p->more)) {
        pirn__group_wake(g, p->one);
        pirn__group_unref(g);
    }
    if (UNLIKELY(p->last))
        pirn__group_drop_results(g); /* of those that did not see `discard` */
    if (UNLIKELY(p->told != NULL) && settle_give(p->told))
        p->told->settled(p->told);
    if (UNLIKELY(p->last))
        pirn__group_unref(g);
}

/* The child is complete, its frame gone: its runner wakes the join waker. */
static void child_ended(void *data)
{
    struct group_node *n = data;
    struct group *g = n->group;
    struct join_handle j = {n->cell};
    struct wake_list wakes;
    struct parting p;
    pirn_result res;
    bool fail;
    /* mo: relaxed. If it is seen late, whoever drops results at the end drops this one. */
    bool drop = atomic_load_explicit(&g->discard, memory_order_relaxed);

    result_of(j.cell, &res);
    if (drop && pirn__join_take(j, NULL, NULL) != 0) /* its output may point into the owner */
        ASSERT(false);
    wake_list_init(&wakes);
    spin_take(&g->lock);
    ring_remove(&n->link);
    g->alive--;
    if (!drop) {
        ring_add(&g->ended, &n->link);
        g->untaken++;
    }
    fail = note_result(g, &res) && (g->flags & GROUP_FAIL_FAST) && !g->cancelled;
    if (UNLIKELY(fail))
        pirn__group_ref(g);
    part(g, &p, &wakes, !drop);
    spin_give(&g->lock);
    if (drop)
        pirn__join_drop_taken(j);
    if (UNLIKELY(fail)) {
        pirn__group_cancel(g, res.outcome == PIRN_FAULTED ? PIRN_EFAULT : res.code);
        pirn__group_unref(g);
    }
    parted(g, &p, &wakes);
}

/* The completer wakes it, once; nobody clones or drops it. */
static const pirn_waker_vt child_vt = {WAKER_VT_OWN, NULL, child_ended, NULL, NULL};

/* ---- children come, and are cancelled --------------------------------------------------------------- */

void pirn__group_add(struct group *g, struct group_node *n, struct header *h)
{
    size_t word = STATE_INITIAL_CHILD;

    n->group = g;
    n->cell = h;
    slot_set(&h->join_waker, &child_vt, n);
    spin_take(&g->lock);
    if (UNLIKELY(g->cancelled))
        word |= STATE_CANCELLED;
    pirn__state_init(&h->state, word);
    ring_add(UNLIKELY(g->cancelled) ? &g->leaving : &g->running, &n->link);
    g->alive++;
    spin_give(&g->lock);
}

void pirn__group_remove(struct group_node *n)
{
    struct group *g = n->group;
    struct wake_list wakes;
    struct parting p;

    wake_list_init(&wakes);
    spin_take(&g->lock);
    ring_remove(&n->link);
    g->alive--;
    part(g, &p, &wakes, false);
    spin_give(&g->lock);
    parted(g, &p, &wakes);
}

/* Under the lock: @n is cancelled by the caller, after it has given the lock back. */
static struct header *begin_abort(struct group *g, struct group_node *n)
{
    ring_remove(&n->link);
    ring_add(&g->leaving, &n->link);
    pirn__state_ref_inc(&n->cell->state); /* the group's own may go meanwhile */
    return n->cell;
}

static void abort_child(struct header *h)
{
    pirn__waker_abort((struct abort_handle){h});
    if (pirn__state_ref_dec(&h->state, 1))
        pirn__harness_free(h);
}

/* Up to CANCEL_BATCH of them. */
static unsigned take_running(struct group *g, struct header **batch)
{
    struct ring *at, *next;
    unsigned n = 0;

    spin_take(&g->lock);
    for (at = g->running.next; at != &g->running && n < CANCEL_BATCH; at = next) {
        next = at->next;
        if (node_of(at)->cell != NULL)
            batch[n++] = begin_abort(g, node_of(at));
    }
    spin_give(&g->lock);
    return n;
}

void pirn__group_abort_all(struct group *g)
{
    struct header *batch[CANCEL_BATCH];
    unsigned n;

    do {
        n = take_running(g, batch);
        for (unsigned i = 0; i < n; i++)
            abort_child(batch[i]);
    } while (n == CANCEL_BATCH);
}

/* Under the lock, which is given back in between: @mark keeps the place meanwhile. */
static struct group_node *find_running(struct group *g, uint64_t id, struct group_node *mark)
{
    struct ring *at = g->running.next;

    for (unsigned n = 1; at != &g->running; n++) {
        struct group_node *node = node_of(at);

        if (node->cell != NULL && node->cell->id == id)
            return node;
        at = at->next;
        if (n % ABORT_STRIDE == 0) {
            ring_add(at, &mark->link);
            spin_give(&g->lock);
            spin_take(&g->lock);
            at = mark->link.next;
            ring_remove(&mark->link);
        }
    }
    return NULL;
}

bool pirn__group_abort(struct group *g, uint64_t id)
{
    struct group_node mark = {.cell = NULL};
    struct header *h = NULL;
    struct group_node *n;

    spin_take(&g->lock);
    n = find_running(g, id, &mark);
    if (n != NULL)
        h = begin_abort(g, n);
    spin_give(&g->lock);
    if (h != NULL)
        abort_child(h);
    return h != NULL;
}

/* Return: false: it was cancelled before. */
static bool mark_cancelled(struct group *g, int cause)
{
    bool first;

    spin_take(&g->lock);
    first = !g->cancelled;
    if (first) {
        g->cancelled = true;
        g->cause = cause;
    }
    spin_give(&g->lock);
    return first;
}

/* A group below, with a reference: it is attached, so its handle has not been freed. */
static struct group *take_sub(struct group *g)
{
    struct group *sub = NULL;

    spin_take(&g->lock);
    if (!ring_is_empty(&g->subs)) {
        sub = container_of(g->subs.next, struct group, as_sub);
        ring_remove(&sub->as_sub);
        pirn__group_ref(sub);
    }
    spin_give(&g->lock);
    return sub;
}

void pirn__group_cancel(struct group *g, int cause)
{
    struct group *open_ = g, *sub;

    if (!mark_cancelled(g, cause))
        return;
    pirn__group_ref(g);
    g->next = NULL;
    while ((g = open_) != NULL) {
        open_ = g->next;
        pirn__group_abort_all(g);
        while ((sub = take_sub(g)) != NULL) {
            if (mark_cancelled(sub, cause)) {
                sub->next = open_;
                open_ = sub;
            } else {
                pirn__group_unref(sub);
            }
        }
        pirn__group_unref(g);
    }
}
