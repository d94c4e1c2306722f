/* SPDX-License-Identifier: MIT */
/* The results of a group, and who waits for them.
 *
 * Whoever waits is in the group's ring of waits, with a reference to the group, so that the owner may
 * free it meanwhile. A wake is made under the lock (task/wake.h), and takes the waiter out; if what it
 * was woken for is gone when it looks again, it goes in again. */
#include "task/group.h"

#include <errno.h>

#include "task/base/assert.h"
#include "task/cell.h"
#include "task/join.h"

/* ---- results --------------------------------------------------------------------------------- */

void pirn__group_deliver(struct group_node *n, pirn_result *res, void *out)
{
    struct join_handle j = {n->cell};
    int r = pirn__join_take(j, res, out);

    ASSERT(r == 0); /* nobody else has the handle */
    pirn__join_drop_taken(j);
}

/* Under the lock. */
static struct group_node *pop_ended(struct group *g)
{
    struct ring *l = g->ended.next;

    if (l == &g->ended)
        return NULL;
    ring_remove(l);
    g->untaken--;
    return container_of(l, struct group_node, link);
}

void pirn__group_drop_results(struct group *g)
{
    struct group_node *n;

    for (;;) {
        spin_take(&g->lock);
        n = pop_ended(g);
        spin_give(&g->lock);
        if (n == NULL)
            return;
        pirn__join_drop((struct join_handle){n->cell});
    }
}

void pirn__group_first(struct group *g, pirn_result *first)
{
    spin_take(&g->lock);
    first->outcome = g->first.outcome;
    first->code = g->first.code;
    first->task_id = g->first.task_id;
    spin_give(&g->lock);
}

/* ---- who waits --------------------------------------------------------------------------------- */

static struct group_wait *wait_of(struct ring *l)
{
    return container_of(l, struct group_wait, link);
}

/* Under the lock. */
static bool is_over(const struct group *g, const struct group_wait *w)
{
    return g->freed || (g->alive == 0 && (w->what == GROUP_ALL || g->untaken == 0));
}

bool pirn__group_take_wakes(struct group *g, struct wake_list *l, bool *one)
{
    struct ring *at, *next;

    for (at = g->waits.next; at != &g->waits; at = next) {
        struct group_wait *w = wait_of(at);
        bool result = *one && w->what == GROUP_NEXT;

        next = at->next;
        if (!result && !is_over(g, w))
            continue;
        if (!wake_list_has_room(l))
            return false;
        *one = *one && !result;
        ring_remove(at);
        pirn__wake_take(l, &w->waker);
    }
    return true;
}

void pirn__group_wake(struct group *g, bool one)
{
    struct wake_list wakes;
    bool all;

    do {
        wake_list_init(&wakes);
        spin_take(&g->lock);
        all = pirn__group_take_wakes(g, &wakes, &one);
        spin_give(&g->lock);
        pirn__wake_flush(&wakes);
    } while (!all);
}

/* Under the lock. */
static int look_for(struct group *g, enum group_what what, struct group_node **n)
{
    if (g->freed)
        return -ECANCELED;
    if (what == GROUP_NEXT && !ring_is_empty(&g->ended)) {
        *n = pop_ended(g);
        return 0;
    }
    if (g->alive != 0)
        return PIRN_PENDING;
    return what == GROUP_ALL ? 0 : PIRN_EOF;
}

/* Under the lock: the last result was taken, and somebody else waits for one. */
static bool leaves_none(const struct group *g)
{
    return g->alive == 0 && g->untaken == 0 && !ring_is_empty(&g->waits);
}

int pirn__group_take(struct group *g, struct group_node **n)
{
    bool tell;
    int r;

    spin_take(&g->lock);
    r = look_for(g, GROUP_NEXT, n);
    tell = r == 0 && leaves_none(g);
    spin_give(&g->lock);
    if (UNLIKELY(tell))
        pirn__group_wake(g, false);
    return r == PIRN_PENDING ? -EAGAIN : r;
}

static void begin_group_wait(struct group *g, struct group_wait *w, enum group_what what)
{
    pirn__group_ref(g);
    w->group = g;
    w->what = what;
}

void pirn__group_wait_late(struct group *g, struct group_wait *w, pirn_cx *cx)
{
    struct op_waker mine;

    pirn__op_waker_make(&mine, w, cx);
    begin_group_wait(g, w, GROUP_NEXT);
    spin_take(&g->lock);
    ring_add(&g->waits, &w->link);
    w->waker.vt = mine.vt;
    w->waker.data = mine.data;
    spin_give(&g->lock);
}

int pirn__group_wait(struct group *g, struct group_wait *w, pirn_cx *cx, enum group_what what,
                     struct group_node **n)
{
    struct op_waker mine = {NULL, NULL}, old = {NULL, NULL};
    bool tell = false;
    int r;

    pirn__op_waker_make(&mine, w, cx);
    if (w->group == NULL)
        begin_group_wait(g, w, what);
    spin_take(&g->lock);
    r = look_for(g, what, n);
    if (w->link.next != NULL) {
        ring_remove(&w->link);
        old.vt = w->waker.vt;
        old.data = w->waker.data;
        w->waker.vt = NULL;
    }
    if (r == PIRN_PENDING) {
        ring_add(&g->waits, &w->link);
        w->waker.vt = mine.vt;
        w->waker.data = mine.data;
    } else {
        tell = r == 0 && what == GROUP_NEXT && leaves_none(g);
    }
    spin_give(&g->lock);
    pirn__op_waker_drop(&old);
    if (r == PIRN_PENDING)
        return PIRN_PENDING;
    pirn__op_waker_drop(&mine);
    if (tell)
        pirn__group_wake(g, false);
    w->group = NULL;
    pirn__group_unref(g);
    return r;
}

void pirn__group_unwait(struct group_wait *w)
{
    struct group *g = w->group;
    bool was_in, pass_on;

    if (g == NULL)
        return;
    spin_take(&g->lock);
    was_in = w->link.next != NULL;
    if (was_in)
        ring_remove(&w->link);
    /* Woken for a result it will not take: the next one is. */
    pass_on = !was_in && w->what == GROUP_NEXT && g->untaken != 0;
    spin_give(&g->lock);
    pirn__op_waker_drop(&w->waker);
    if (pass_on)
        pirn__group_wake(g, true);
    w->group = NULL;
    pirn__group_unref(g);
}
