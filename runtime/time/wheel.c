/* SPDX-License-Identifier: MIT */
/* The timer wheel: where a timer lies, and which slot is next. */
#include "runtime/time/wheel.h"

#include "task/base/assert.h"

enum {
    TOP = WHEEL_LEVELS - 1,
    DIGIT = WHEEL_SLOTS - 1, /* mask */
};

/* ---- ticks ------------------------------------------------------------------------------------
 * */

/* Of a deadline: up. */
static uint64_t tick_of(const struct wheel *w, pirn_time when)
{
    uint64_t mask = (UINT64_C(1) << w->shift) - 1;

    return when > w->start ? ((uint64_t)(when - w->start) + mask) >> w->shift : 0;
}

/* Of a clock's reading: down. */
static uint64_t tick_at(const struct wheel *w, pirn_time now)
{
    return now > w->start ? (uint64_t)(now - w->start) >> w->shift : 0;
}

static pirn_time time_of(const struct wheel *w, uint64_t tick)
{
    uint64_t last = (uint64_t)(PIRN_NEVER - 1 - w->start);

    return w->start + (pirn_time)(tick <= last >> w->shift ? tick << w->shift : last);
}

/* ---- lists ------------------------------------------------------------------------------------
 * */

static void push(struct timer **list, struct timer *t)
{
    t->next = *list;
    t->link = list;
    if (t->next != NULL)
        t->next->link = &t->next;
    *list = t;
}

static void unlink_timer(struct timer *t)
{
    *t->link = t->next;
    if (t->next != NULL)
        t->next->link = t->link;
    t->link = NULL;
}

static struct timer *pop(struct timer **list)
{
    struct timer *t = *list;

    if (t != NULL)
        unlink_timer(t);
    return t;
}

/* ---- slots ------------------------------------------------------------------------------------
 * */

/* In the level of the highest digit in which they differ. */
static unsigned level_for(uint64_t elapsed, uint64_t tick)
{
    uint64_t differ = elapsed ^ tick;
    unsigned level = 0;

    while (level < TOP && differ >> (WHEEL_BITS * (level + 1)) != 0)
        level++;
    return level;
}

static void place(struct wheel *w, struct timer *t)
{
    uint64_t tick = tick_of(w, t->when);
    unsigned level, slot;

    if (tick <= w->elapsed) {
        push(&w->due, t);
        return;
    }
    level = level_for(w->elapsed, tick);
    slot = (unsigned)(tick >> (WHEEL_BITS * level)) & DIGIT;
    push(&w->slots[level][slot], t);
    w->occupied[level] |= UINT64_C(1) << slot;
}

struct place {
    unsigned level, slot;
    uint64_t tick; /* when the slot begins */
};

/* The first slot that is occupied. */
static bool first_slot(const struct wheel *w, struct place *p)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        unsigned shift = WHEEL_BITS * level;
        unsigned digit = (unsigned)(w->elapsed >> shift) & DIGIT;
        uint64_t ahead = w->occupied[level] & (~UINT64_C(0) << digit << 1);
        uint64_t round = w->elapsed >> shift >> WHEEL_BITS;

        if (w->occupied[level] == 0)
            continue;
        ASSERT_SLOW(level == TOP || ahead == w->occupied[level]);
        if (ahead == 0) { /* of the top level: in its next round */
            ahead = w->occupied[level];
            round++;
        }
        p->level = level;
        p->slot = (unsigned)__builtin_ctzll(ahead);
        p->tick = (round << WHEEL_BITS | p->slot) << shift;
        return true;
    }
    return false;
}

/* Whether @w's slots begin at or before @link, and end after it: then t was alone there. */
static void note_emptied(struct wheel *w, struct timer **link)
{
    struct timer **base = &w->slots[0][0];
    uintptr_t at = (uintptr_t)link - (uintptr_t)base;
    unsigned i = (unsigned)(at / sizeof *base);

    if (at < sizeof w->slots && *link == NULL)
        w->occupied[i / WHEEL_SLOTS] &= ~(UINT64_C(1) << i % WHEEL_SLOTS);
}

/* ---- the face ---------------------------------------------------------------------------------
 * */

void pirn__wheel_init(struct wheel *w, pirn_time start, unsigned shift)
{
    w->start = start;
    w->shift = shift;
    w->elapsed = 0;
    w->count = 0;
    w->taken = w->due = NULL;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        w->occupied[level] = 0;
        for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
            w->slots[level][slot] = NULL;
    }
}

void pirn__wheel_insert(struct wheel *w, struct timer *t)
{
    ASSERT(t->link == NULL);
    w->count++;
    place(w, t);
}

void pirn__wheel_remove(struct wheel *w, struct timer *t)
{
    struct timer **link = t->link;

    ASSERT(link != NULL);
    w->count--;
    unlink_timer(t);
    note_emptied(w, link);
}

static void detach_slot(struct wheel *w, const struct place *p)
{
    struct timer **slot = &w->slots[p->level][p->slot];

    w->elapsed = p->tick;
    w->taken = *slot;
    w->taken->link = &w->taken;
    *slot = NULL;
    w->occupied[p->level] &= ~(UINT64_C(1) << p->slot);
}

struct timer *pirn__wheel_take_due(struct wheel *w, pirn_time now, unsigned *work)
{
    uint64_t until = tick_at(w, now);

    for (; *work != 0; --*work) {
        struct timer *t = pop(&w->taken);
        struct place p;

        if (t != NULL) {
            push(&w->due, t);
            continue;
        }
        t = pop(&w->due);
        if (t != NULL && tick_of(w, t->when) <= w->elapsed) {
            --*work;
            w->count--;
            return t;
        }
        if (t != NULL) {
            place(w, t);
            continue;
        }
        if (first_slot(w, &p) && p.tick <= until) {
            detach_slot(w, &p);
            continue;
        }
        if (until > w->elapsed) /* a clock may go backward; what has elapsed has */
            w->elapsed = until;
        return NULL;
    }
    return NULL;
}

struct timer *pirn__wheel_take_any(struct wheel *w)
{
    struct timer *t = w->taken != NULL ? w->taken : w->due;
    struct place p;

    if (t == NULL && first_slot(w, &p))
        t = w->slots[p.level][p.slot];
    if (t != NULL)
        pirn__wheel_remove(w, t);
    return t;
}

pirn_time pirn__wheel_next(const struct wheel *w)
{
    struct place p;

    if (w->taken != NULL || w->due != NULL)
        return time_of(w, w->elapsed);
    return first_slot(w, &p) ? time_of(w, p.tick) : PIRN_NEVER;
}

static pirn_time earliest_of(const struct timer *list, pirn_time best)
{
    for (; list != NULL; list = list->next)
        if (list->when < best)
            best = list->when;
    return best;
}

pirn_time pirn__wheel_earliest(const struct wheel *w)
{
    pirn_time best = earliest_of(w->due, earliest_of(w->taken, PIRN_NEVER));
    struct place p;

    if (best != PIRN_NEVER || !first_slot(w, &p))
        return best;
    if (p.level != TOP)
        return earliest_of(w->slots[p.level][p.slot], best);
    /* Slots of the top level are not in order: some of theirs are rounds away. */
    for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
        best = earliest_of(w->slots[TOP][slot], best);
    return best;
}

pirn_time pirn__wheel_round(const struct wheel *w, pirn_time when)
{
    return time_of(w, tick_of(w, when));
}

void pirn__wheel_rescale(struct wheel *w, pirn_time now, unsigned shift)
{
    struct timer *all = NULL, *t;
    uint64_t count = w->count;

    while ((t = pirn__wheel_take_any(w)) != NULL)
        push(&all, t);
    w->shift = shift;
    w->elapsed = tick_at(w, now);
    w->count = count;
    while ((t = pop(&all)) != NULL)
        place(w, t);
}
