/* SPDX-License-Identifier: MIT */
/* Joining those who wait, being told, leaving. */
#include "runtime/io/crowd.h"

#include <stddef.h>

#include "task/cx.h"
#include "task/op.h"

void pirn__crowd_init(struct crowd *c)
{
    spin_init(&c->lock);
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&c->count, 0, memory_order_relaxed);
    c->first = NULL;
    c->last = &c->first;
}

/* With the lock, as the next two. */
static void count_change(struct crowd *c, uint32_t by)
{
    /* mo: seq_cst pairs with [crowd] in tell: who joins does this, then looks at the word; who changes the
     * word does that, then looks at the count. Relaxed: written with the lock. */
    atomic_store_explicit(&c->count, atomic_load_explicit(&c->count, memory_order_relaxed) + by,
                          memory_order_seq_cst);
}

static void add_last(struct crowd *c, struct onlooker *o)
{
    o->next = NULL;
    o->link = c->last;
    *c->last = o;
    c->last = &o->next;
    count_change(c, 1);
}

static void let_go(struct crowd *c, struct onlooker *o)
{
    *o->link = o->next;
    if (o->next != NULL)
        o->next->link = o->link;
    else
        c->last = o->link;
    o->link = NULL;
    count_change(c, (uint32_t)-1);
}

void pirn__crowd_join(struct crowd *c, struct registration *r, struct onlooker *o, pirn_cx *cx)
{
    struct op_waker fresh, old = {NULL, NULL};

    pirn__op_waker_make(&fresh, o, cx);
    if (o->at == NULL)
        ref_add(&r->pins, 1);
    o->at = r;
    spin_take(&c->lock);
    old = o->waker;
    o->waker = fresh;
    if (o->link == NULL && o->told == 0)
        add_last(c, o);
    spin_give(&c->lock);
    pirn__op_waker_drop(&old);
}

uint32_t pirn__crowd_told(struct crowd *c, struct onlooker *o)
{
    uint32_t told;

    spin_take(&c->lock);
    told = o->told;
    o->told = 0;
    spin_give(&c->lock);
    return told;
}

void pirn__crowd_leave(struct crowd *c, struct onlooker *o)
{
    struct registration *r = o->at;

    spin_take(&c->lock);
    if (o->link != NULL)
        let_go(c, o);
    spin_give(&c->lock);
    pirn__op_waker_drop(&o->waker);
    o->told = 0;
    o->at = NULL;
    pirn__registration_unpin(r); /* the crowd may be gone afterwards */
}

uint32_t pirn__crowd_tell(struct crowd *c, uint32_t word, struct wake_list *wakes)
{
    struct onlooker *next;
    uint32_t n = 0;

    /* mo: seq_cst pairs with [crowd] in count_change: see there. */
    if (atomic_load_explicit(&c->count, memory_order_seq_cst) == 0)
        return 0;
    spin_take(&c->lock);
    for (struct onlooker *o = c->first; o != NULL; o = next) {
        next = o->next;
        if (!(word & (o->mask | READY_OVER)))
            continue;
        if (!wake_list_has_room(wakes)) {
            spin_give(&c->lock);
            pirn__wake_flush(wakes);
            spin_take(&c->lock);
            next = c->first; /* those told are out; others come and go meanwhile */
            continue;
        }
        let_go(c, o);
        o->told = word;
        pirn__wake_take(wakes, &o->waker);
        n++;
    }
    spin_give(&c->lock);
    return n;
}
