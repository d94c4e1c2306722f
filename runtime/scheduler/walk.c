/* SPDX-License-Identifier: MIT */
/* Walking the live tasks: the linked ones along the owned list; those in queues only, which the
 * driver links when asked; and one in its first poll, from the slot where its poller says so. */
#include "runtime/scheduler/walk.h"

#include <errno.h>

#include "runtime/os/clock.h"
#include "runtime/os/futex.h"
#include "runtime/scheduler/local_set.h"
#include "task/rcu.h"

enum {
    LINK_PATIENCE_MS = 100
};

struct walker {
    struct current_thread *ct;
    int (*see)(void *user, const struct task_facts *f);
    void *user;
    struct owned_walk walk;
    struct pirn_local_set *set; /* whose list is walked, with a reference; NULL: the runtime's */
    struct task_facts *rows;
    struct task_facts running; /* id 0: none */
    bool running_seen;
    int result;
};

static bool linked_since(struct current_thread *ct, uint32_t asked)
{
    /* mo: acquire pairs with [asked] in serve_walkers. */
    uint32_t done = atomic_load_explicit(&ct->link_done, memory_order_acquire);

    return (int32_t)(done - asked) >= 0;
}

/* Has what is in queues only linked, by this thread if nobody drives. */
static bool link_queued(struct current_thread *ct)
{
    pirn_time patience = pirn__clock_now() + LINK_PATIENCE_MS * PIRN_MS;
    struct core *core;
    /* mo: seq_cst pairs with [park]: then a look at the driver. Release pairs with [asked]. */
    uint32_t asked = atomic_fetch_add_explicit(&ct->link_asked, 1, memory_order_seq_cst) + 1;

    if (ct_is_here(ct)) {
        pirn__ct_serve_walkers(&ct->core);
        return true;
    }
    pirn__driver_unpark(&ct->driver);
    while (!linked_since(ct, asked)) {
        uint32_t done;

        if (pirn__ct_has_stopped(ct))
            return true;
        core = pirn__ct_take_core(ct);
        if (core != NULL) {
            pirn__ct_serve_walkers(core);
            pirn__ct_put_core(core);
            break;
        }
        /* mo: relaxed. The next look acquires. */
        done = atomic_load_explicit(&ct->link_done, memory_order_relaxed);
        if ((int32_t)(done - asked) < 0 && !pirn__futex_wait(&ct->link_done, done, patience))
            return linked_since(ct, asked); /* one long poll */
    }
    return true;
}

static void look_at_running(struct walker *w)
{
    struct poller *p = &w->ct->core.poller;
    uint64_t id, again;

    do {
        /* mo: acquire pairs with [slot] in publish_running: the name is not older than the id. */
        id = atomic_load_explicit(&p->running_id, memory_order_acquire);
        /* mo: acquire pairs with [slot] there: if it is newer, the second look at the id differs. */
        w->running.desc = atomic_load_explicit(&p->running_desc, memory_order_acquire);
        /* mo: relaxed. Ordered by the load before. */
        again = atomic_load_explicit(&p->running_id, memory_order_relaxed);
    } while (id != again);
    w->running.id = id;
    w->running.state = STATE_RUNNING;
    w->running.polls = 1;
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
            w->running_seen |= w->rows[i].id == w->running.id;
            w->result = w->see(w->user, &w->rows[i]);
        }
    } while (n != 0 && w->result == 0);
    pirn__owned_walk_end(&w->walk);
}

static void see_rows(void *arg)
{
    struct walker *w = arg;
    uint64_t below = UINT64_MAX;

    w->walk = (struct owned_walk){.list = &w->ct->owned, .reuse = pirn__ct_reuse, .user = w->ct};
    see_list(w);
    while (w->result == 0 && (w->set = pirn__local_next(w->ct, &below)) != NULL) {
        w->walk = (struct owned_walk){
            .list = pirn__local_list(w->set), .reuse = pirn__local_reuse, .user = w->set};
        see_list(w);
        pirn__local_unref(w->set);
        w->set = NULL;
    }
    if (w->result == 0 && w->running.id != 0 && !w->running_seen)
        w->result = w->see(w->user, &w->running);
}

int pirn__walk(struct current_thread *ct, int (*see)(void *user, const struct task_facts *f),
               void *user, bool *complete)
{
    const pirn_alloc *a = &ct->base.sched.alloc;
    size_t bytes = WALK_CHUNK * sizeof(struct task_facts);
    struct walker w = {
        .ct = ct,
        .see = see,
        .user = user,
    };
    bool whole;

    w.rows = a->alloc(a->user, bytes, _Alignof(struct task_facts));
    if (w.rows == NULL)
        return -ENOMEM;
    pirn_handle_ref(&ct->base);
    *complete = link_queued(ct);
    look_at_running(&w);
    whole = pirn__contain(see_rows, &w);
    if (!whole) { /* in the middle of a list */
        pirn__owned_walk_end(&w.walk);
        if (w.set != NULL)
            pirn__local_unref(w.set);
    }
    a->free(a->user, w.rows, bytes);
    pirn_handle_unref(&ct->base);
    if (!whole)
        pirn__fault_raise(); /* the callback's fault is its caller's */
    return w.result;
}
