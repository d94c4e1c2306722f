/* SPDX-License-Identifier: MIT */
/* The list of live tasks, under RCU.
 *
 * Writers hold the gate, a lock whose word also counts walkers, so that the exchange that takes the
 * lock tells a writer whether anybody walks. Walkers hold no lock while they walk: they enter a read
 * section, announce themselves at the gate, go along `next`, leave.
 *
 * Unlinking and announcing are critical sections of one lock. If the unlink came first, the walk
 * that follows no longer reaches the cell, and its memory may be reused at once: nobody walking, no
 * grace period is owed. If the announcement came first, the unlink sees a walker and marks the cell;
 * when its last reference goes it waits in limbo, until the gate counts no walker (all who could
 * stand on it have left) or a grace period has passed. A walker enters its section *before* it
 * announces: whoever could hold the cell is then inside one that the grace period waits for.
 *
 * `next` is frozen by unlink, and sequence numbers fall along it, so a walker on a cell that has
 * been taken out still comes to the head; it sees every task that was linked throughout, once. A
 * cell is linked once in its life. `prev` is the writers' alone. */
#include "task/owned.h"

#include "task/base/assert.h"
#include "task/base/relax.h"
#include "task/harness.h"
#include "task/rcu.h"
#include "task/waker.h"

#define GATE_LOCKED     ((size_t)1 << 0)
#define GATE_CLOSED     ((size_t)1 << 1)
#define GATE_WALKER     ((size_t)1 << 2)
#define GATE_WALKERS(g) ((g) >> 2)

/* In `prev` of a cell that is out of the list: a walker may know it. */
static struct owned_node pend_mark;
#define OWNED_PEND (&pend_mark)

/* Return: the gate without its lock bit, for unlock(). */
static size_t lock(struct owned *o)
{
    size_t cur = 0;
    unsigned tries = 0;

    /* mo: acquire pairs with [gate] in unlock: all that is guarded is as its last holder left it.
     * Failure relaxed: we retry. */
    while (!atomic_compare_exchange_weak_explicit(&o->gate, &cur, cur | GATE_LOCKED,
                                                  memory_order_acquire, memory_order_relaxed)) {
        if (cur & GATE_LOCKED) {
            cpu_relax(tries++);
            cur &= ~GATE_LOCKED;
        }
    }
    return cur;
}

static void unlock(struct owned *o, size_t gate)
{
    /* Only the holder of the lock changes the word, so a store is enough.
     * mo: release pairs with [gate] in lock. */
    atomic_store_explicit(&o->gate, gate, memory_order_release);
}

void pirn__owned_init(struct owned *o)
{
    /* mo: relaxed, all: not shared yet. */
    atomic_store_explicit(&o->gate, 0, memory_order_relaxed);
    atomic_store_explicit(&o->head.next, &o->head, memory_order_relaxed);
    atomic_store_explicit(&o->limbo_count, 0, memory_order_relaxed);
    o->head.prev = &o->head;
    o->seq = 0;
    o->limbo = NULL;
}

/* As a writer, under the gate. */
static struct owned_node *next_of(struct owned_node *n)
{
    /* mo: relaxed. The gate orders writers. */
    return atomic_load_explicit(&n->next, memory_order_relaxed);
}

/* Where walkers may follow. */
static void set_next(struct owned_node *n, struct owned_node *to)
{
    /* mo: release pairs with [next] in the walk: who comes along here sees the cell's facts. */
    atomic_store_explicit(&n->next, to, memory_order_release);
}

bool pirn__owned_link(struct owned *o, struct header *h)
{
    struct owned_node *n = &h->owned, *first;
    size_t gate = lock(o);

    if (gate & GATE_CLOSED) {
        unlock(o, gate);
        return false;
    }
    ASSERT_SLOW(!cell_is_linked(h));
    o->seq++;
    n->seq_low = (uint32_t)o->seq;
    n->seq_high = (uint16_t)(o->seq >> 32);
    first = next_of(&o->head);
    n->prev = &o->head;
    /* mo: relaxed. Published with the cell by set_next below. */
    atomic_store_explicit(&n->next, first, memory_order_relaxed);
    first->prev = n;
    set_next(&o->head, n);
    unlock(o, gate);
    return true;
}

static void take_out(struct owned_node *n, size_t gate)
{
    struct owned_node *next = next_of(n);

    next->prev = n->prev;
    set_next(n->prev, next);
    n->prev = GATE_WALKERS(gate) != 0 ? OWNED_PEND : NULL;
}

static bool is_in(const struct owned_node *n)
{
    return n->prev != NULL && n->prev != OWNED_PEND;
}

bool pirn__owned_unlink(struct owned *o, struct header *h)
{
    size_t gate = lock(o);
    bool in = is_in(&h->owned);

    if (in)
        take_out(&h->owned, gate);
    unlock(o, gate);
    return in;
}

void pirn__owned_close(struct owned *o)
{
    unlock(o, lock(o) | GATE_CLOSED);
}

bool pirn__owned_pop(struct owned *o, struct task *t)
{
    size_t gate = lock(o);
    struct owned_node *last = o->head.prev;
    bool in = last != &o->head;

    if (in) {
        take_out(last, gate);
        t->cell = CELL_FROM_NODE(last);
    }
    unlock(o, gate);
    return in;
}

static void count_limbo(struct owned *o, uint64_t n)
{
    /* mo: relaxed, a statistic. */
    atomic_store_explicit(&o->limbo_count, n, memory_order_relaxed);
}

bool pirn__owned_retire(struct owned *o, struct header *h)
{
    bool reuse;
    size_t gate;

    if (LIKELY(h->owned.prev != OWNED_PEND))
        return true;
    gate = lock(o);
    reuse = GATE_WALKERS(gate) == 0;
    if (!reuse) {
        /* By queue_next, which no Notified has any more: `prev` goes on saying that it is out. */
        h->queue_next = o->limbo;
        o->limbo = h;
        /* mo: relaxed, a statistic; the gate's holder is the only writer. */
        count_limbo(o, atomic_load_explicit(&o->limbo_count, memory_order_relaxed) + 1);
    }
    unlock(o, gate);
    return reuse;
}

/* ---- walking --------------------------------------------------------------------------------- */

static uint64_t seq_of(const struct owned_node *n)
{
    return n->seq_low | (uint64_t)n->seq_high << 32;
}

#if PIRN_RCU

static void enter(struct owned *o)
{
    size_t gate;

    pirn__rcu_read_lock(); /* before the announcement: see above */
    gate = lock(o);
    unlock(o, gate + GATE_WALKER);
}

static void leave(struct owned_walk *w)
{
    struct owned *o = w->list;
    struct header *limbo;
    size_t gate;

    pirn__rcu_read_unlock();
    gate = lock(o) - GATE_WALKER;
    limbo = o->limbo;
    o->limbo = NULL;
    count_limbo(o, 0);
    unlock(o, gate);
    if (limbo != NULL && GATE_WALKERS(gate) != 0)
        pirn__rcu_synchronize();
    while (limbo != NULL) {
        struct header *next = limbo->queue_next;

        w->reuse(w->user, limbo);
        limbo = next;
    }
}

/* A reference on a cell one stands on, as the next chunk's beginning. Only while the list holds one
 * itself, which the gate makes sure of: those who give the last references up may do so without an
 * exchange, because nobody can appear. A cell that is out already is no beginning. */
static void pin(struct owned_walk *w, struct owned_node *last)
{
    size_t gate = lock(w->list);

    if (is_in(last)) {
        w->cursor = CELL_FROM_NODE(last);
        pirn__state_ref_inc(&w->cursor->state);
    }
    unlock(w->list, gate);
}

static bool cursor_is_in(struct owned_walk *w)
{
    size_t gate = lock(w->list);
    bool in = is_in(&w->cursor->owned);

    unlock(w->list, gate);
    return in;
}

#else /* the lock-only build: walkers are excluded like writers */

static void enter(struct owned *o)
{
    (void)lock(o);
}

static void leave(struct owned_walk *w)
{
    struct owned *o = w->list;

    /* mo: relaxed. We hold the lock. */
    unlock(o, atomic_load_explicit(&o->gate, memory_order_relaxed) & ~GATE_LOCKED);
}

static void pin(struct owned_walk *w, struct owned_node *last)
{
    w->cursor = CELL_FROM_NODE(last); /* we hold the lock: it is in */
    pirn__state_ref_inc(&w->cursor->state);
}

static bool cursor_is_in(struct owned_walk *w)
{
    return is_in(&w->cursor->owned);
}

#endif

/* As a waker's drop: the pin may have hidden that nothing else can wake the task. */
static void unpin(struct header *h)
{
    if (h != NULL)
        pirn__waker_drop((struct task_waker){h});
}

size_t pirn__owned_walk(struct owned_walk *w, struct task_facts *rows, size_t max)
{
    struct owned *o = w->list;
    struct header *old = w->cursor;
    struct owned_node *n, *last = NULL;
    size_t count = 0;

    if (w->ended)
        return 0;
    if (!w->begun) {
        w->begun = true;
        w->below = UINT64_MAX;
    }
    enter(o);
    n = old != NULL && cursor_is_in(w) ? &old->owned : &o->head;
    for (;;) {
        /* mo: acquire pairs with [next] in set_next. */
        n = atomic_load_explicit(&n->next, memory_order_acquire);
        if (n == &o->head || count == max)
            break;
        if (seq_of(n) < w->below) {
            pirn__harness_facts(CELL_FROM_NODE(n), &rows[count++]);
            last = n;
        }
    }
    w->ended = n == &o->head;
    w->cursor = NULL;
    if (last != NULL) {
        w->below = seq_of(last);
        if (!w->ended)
            pin(w, last);
    }
    leave(w);
    unpin(old);
    return count;
}

void pirn__owned_walk_end(struct owned_walk *w)
{
    unpin(w->cursor);
    w->cursor = NULL;
    w->ended = true;
}
