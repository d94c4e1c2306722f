/* SPDX-License-Identifier: MIT */
/* The end of a group, by whoever owns it: freed, or settled with the task whose operations it is among.
 *
 * A group that was freed with children alive stays among them until they are gone, and the task ends or
 * makes another group. */
#include "task/group.h"

#include <errno.h>

#include "task/cx.h"

static void detach(struct group *g)
{
    struct group *parent = g->parent;

    if (parent == NULL)
        return;
    spin_take(&parent->lock);
    if (g->as_sub.next != NULL)
        ring_remove(&g->as_sub);
    spin_give(&parent->lock);
}

static bool has_children(struct group *g)
{
    bool any;

    spin_take(&g->lock);
    any = g->alive != 0;
    spin_give(&g->lock);
    return any;
}

bool pirn__group_free(struct group *g)
{
    bool was, none;

    pirn__group_ref(g);
    spin_take(&g->lock);
    was = g->freed;
    g->freed = true;
    none = g->alive == 0;
    spin_give(&g->lock);
    if (!was) {
        /* mo: relaxed. See child_ended(). */
        atomic_store_explicit(&g->discard, true, memory_order_relaxed);
        pirn__group_cancel(g, -ECANCELED);
        detach(g);
        pirn__group_drop_results(g);
        pirn__group_wake(g, false);
        if (none)
            pirn__group_unref(g); /* else the last child does */
    }
    pirn__group_unref(g);
    return !was;
}

void pirn__group_tell(struct group *g, struct settle *s)
{
    spin_take(&g->lock);
    if (g->alive != 0) {
        settle_add(s);
        g->told = s;
    }
    spin_give(&g->lock);
}

/* ---- the groups of a task ------------------------------------------------------------------------------ */

static void untied(void *state)
{
    pirn__group_unref(container_of(op_of_state(state), struct group, tether));
}

static const pirn_op_kind tether_kind = {sizeof(pirn_op_kind), "group", untied};

void pirn__group_tie(struct group *g, pirn_cx *cx)
{
    pirn__group_ref(g);
    g->owner = cx->ops;
    (void)pirn_op_state((pirn_op *)(void *)&g->tether, cx, &tether_kind);
    g->tether.flags |= OP_TETHER;
}

void pirn__group_untie(struct group *g)
{
    if (!has_children(g))
        pirn_op_drop((pirn_op *)(void *)&g->tether);
}

/* The next tether from @o on. */
static struct group *tethered(struct op *o)
{
    while (o != NULL && !(o->flags & OP_TETHER))
        o = o->next;
    return o != NULL ? container_of(o, struct group, tether) : NULL;
}

static struct op *first_op(struct pirn_op *ops)
{
    return (struct op *)(void *)ops;
}

void pirn__groups_sweep(struct pirn_op *ops)
{
    struct group *next;
    bool idle;

    for (struct group *g = tethered(first_op(ops)); g != NULL; g = next) {
        next = tethered(g->tether.next);
        spin_take(&g->lock);
        idle = g->freed && g->alive == 0;
        spin_give(&g->lock);
        if (idle)
            pirn__group_untie(g);
    }
}

struct settle *pirn__groups_record(struct pirn_op *ops)
{
    struct group *g = tethered(first_op(ops));

    return g != NULL ? &g->record : NULL;
}

void pirn__groups_close(struct pirn_op *ops, struct settle *s)
{
    for (struct group *g = tethered(first_op(ops)); g != NULL; g = tethered(g->tether.next)) {
        /* mo: relaxed. See child_ended(). */
        atomic_store_explicit(&g->discard, true, memory_order_relaxed);
        pirn__group_cancel(g, -ECANCELED);
        pirn__group_tell(g, s);
    }
}

void pirn__groups_drop_results(struct pirn_op *ops)
{
    for (struct group *g = tethered(first_op(ops)); g != NULL; g = tethered(g->tether.next))
        pirn__group_drop_results(g);
}
