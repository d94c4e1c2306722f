/* SPDX-License-Identifier: MIT */
/* Walking the live tasks: the linked ones along the owned lists; those in queues only, which the
 * workers link when asked; and those in their first poll, from the slots where their pollers say
 * so. */
#include "runtime/scheduler/walk.h"

#include <errno.h>

#include "runtime/scheduler/local_set.h"
#include "task/fault.h"
#include "task/rcu.h"

enum {
    POLLERS_SPARE = 8, /* room for pollers that appear while they are counted */
};

struct running {
    struct task_facts facts;
    bool seen; /* in a list as well */
};

struct walker {
    struct pirn_handle *h;
    int (*see)(void *user, const struct task_facts *f);
    void *user;
    struct owned_walk walk;
    struct pirn_local_set *set; /* whose list is walked, with a reference; NULL: the runtime's */
    struct task_facts *rows;
    struct running *running;
    size_t running_count, running_max;
    int result;
};

bool pirn__walk_running(struct poller *p, struct task_facts *f)
{
    uint64_t id, again, site, born, seen;

    f->await_line = 0;
    f->state = STATE_RUNNING;
    /* mo: relaxed, for people. */
    f->worker = atomic_load_explicit(&p->worker, memory_order_relaxed);
    f->forever = false;
    do {
        /* mo: acquire pairs with [slot] in publish_running: the name is not older than the id. */
        id = atomic_load_explicit(&p->running_id, memory_order_acquire);
        /* mo: acquire pairs with [slot] there: if it is newer, the second look at the id differs. */
        f->desc = atomic_load_explicit(&p->running_desc, memory_order_acquire);
        /* mo: acquire, all three, pairs with [slot]: as the one before. */
        site = atomic_load_explicit(&p->running_site, memory_order_acquire);
        born = atomic_load_explicit(&p->running_born, memory_order_acquire);
        seen = atomic_load_explicit(&p->running_seen, memory_order_acquire);
        /* mo: relaxed. Ordered by the load before. */
        again = atomic_load_explicit(&p->running_id, memory_order_relaxed);
    } while (id != again);
    f->id = id;
    f->spawn_site = (const void *)(uintptr_t)(site & CELL_SITE_MASK);
    f->spawned_tick = born & CELL_TICK_MASK;
    f->polls = (uint32_t)(born >> CELL_TICK_BITS);
    f->last_poll_tick = seen & CELL_TICK_MASK;
    return id != 0;
}

/* Before the lists are walked: what runs now and never waited is in none of them. */
static void note_running(struct walker *w)
{
    struct poller *p = NULL;

    while (w->running_count < w->running_max && (p = w->h->flavor->next_poller(w->h, p)) != NULL) {
        struct running *r = &w->running[w->running_count];

        r->seen = false;
        w->running_count += pirn__walk_running(p, &r->facts);
    }
}

/* A row of a list. What runs now has the tick of that in its poller only. */
static void mark_seen(struct walker *w, struct task_facts *row)
{
    for (size_t i = 0; i < w->running_count; i++) {
        struct running *r = &w->running[i];

        if (r->facts.id != row->id)
            continue;
        r->seen = true;
        if (row->last_poll_tick < r->facts.last_poll_tick)
            row->last_poll_tick = r->facts.last_poll_tick;
    }
}

/* Along one list. */
static void see_list(struct walker *w)
{
    size_t n;

    do {
        bool registered = pirn__rcu_enter_thread();

        n = pirn__owned_walk(&w->walk, w->rows, WALK_CHUNK);
        pirn__rcu_leave_thread(registered);
        for (size_t i = 0; i < n && w->result == 0; i++) {
            mark_seen(w, &w->rows[i]);
            w->result = w->see(w->user, &w->rows[i]);
        }
    } while (n != 0 && w->result == 0);
    pirn__owned_walk_end(&w->walk);
}

static void see_rows(void *arg)
{
    struct walker *w = arg;
    uint64_t below = UINT64_MAX;

    for (uint32_t i = 0; i < w->h->shards && w->result == 0; i++) {
        w->walk = (struct owned_walk){
            .list = &w->h->owned[i], .reuse = pirn__spawner_reuse, .user = w->h};
        see_list(w);
    }
    if (w->result == 0) {
        w->walk = (struct owned_walk){
            .list = &w->h->blocking.owned, .reuse = pirn__spawner_reuse, .user = w->h};
        see_list(w);
    }
    while (w->result == 0 && (w->set = pirn__local_next(w->h, &below)) != NULL) {
        w->walk = (struct owned_walk){
            .list = pirn__local_list(w->set), .reuse = pirn__local_reuse, .user = w->set};
        see_list(w);
        pirn__local_unref(w->set);
        w->set = NULL;
    }
    for (size_t i = 0; i < w->running_count && w->result == 0; i++)
        if (!w->running[i].seen)
            w->result = w->see(w->user, &w->running[i].facts);
}

static size_t count_pollers(struct pirn_handle *h)
{
    struct poller *p = NULL;
    size_t n = 0;

    while ((p = h->flavor->next_poller(h, p)) != NULL)
        n++;
    return n;
}

int pirn__walk(struct pirn_handle *h, int (*see)(void *user, const struct task_facts *f),
               void *user, bool *complete)
{
    const pirn_alloc *a = &h->sched.alloc;
    size_t rows = WALK_CHUNK * sizeof(struct task_facts), bytes;
    struct walker w = {
        .h = h,
        .see = see,
        .user = user,
        .running_max = count_pollers(h) + POLLERS_SPARE,
    };
    bool whole;

    bytes = rows + w.running_max * sizeof(struct running);
    w.rows = a->alloc(a->user, bytes, _Alignof(max_align_t));
    if (w.rows == NULL)
        return -ENOMEM;
    w.running = (struct running *)(void *)((char *)w.rows + rows);
    pirn_handle_ref(h);
    *complete = h->flavor->link_queued(h);
    note_running(&w);
    whole = pirn__contain(see_rows, &w);
    if (!whole) { /* in the middle of a list */
        pirn__owned_walk_end(&w.walk);
        if (w.set != NULL)
            pirn__local_unref(w.set);
    }
    a->free(a->user, w.rows, bytes);
    pirn_handle_unref(h);
    if (!whole)
        pirn__fault_raise(); /* the callback's fault is its caller's */
    return w.result;
}
