# SPDX-License-Identifier: MIT
"""Which mistakes in the multi-thread scheduler must be noticed? As in mutants.py."""
from mutant import Mutant

CORE = "runtime/scheduler/current_thread.c"
INJECT = "runtime/scheduler/inject.c"
SPIN = "task/base/spin.h"
QUEUE = "runtime/scheduler/local_queue.c"
GLOBAL = "runtime/scheduler/global_queue.c"
IDLE = "runtime/scheduler/idle.c"
PARK = "runtime/scheduler/park.c"
WORKER = "runtime/scheduler/worker.c"
SLEEP = "runtime/scheduler/worker_sleep.c"
SCHEDULE = "runtime/scheduler/mt_schedule.c"
FIND = "runtime/scheduler/worker_find.c"
LINKS = "runtime/scheduler/mt_links.c"
STOP = "runtime/scheduler/mt_stop.c"
WATCHDOG = "runtime/scheduler/watchdog.c"

FILES = (QUEUE, GLOBAL, IDLE, PARK, WORKER, SLEEP, SCHEDULE, FIND, LINKS, STOP, WATCHDOG, SPIN)

MUTANTS = [
    # ---- queues ----
    Mutant("what-is-left-asks-a-hint", FIND,
           "    if (left)",
           "    if (left && idle_wants_hint(&mt->idle))",
           ["mt_left"]),
    Mutant("queue-push-unpublished", QUEUE,
           "atomic_store_explicit(&q->tail, tail + 1, memory_order_release);",
           "atomic_store_explicit(&q->tail, tail + 1, memory_order_relaxed);",
           ["queue_steal", "queue_two_thieves"]),
    Mutant("queue-tail-before-the-slot", QUEUE,
           """    set_slot(r, tail, h);
    /* mo: release pairs with [tail] in take_up_to and is_empty: the task is there, and the ring. */
    atomic_store_explicit(&q->tail, tail + 1, memory_order_release);""",
           """    atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
    set_slot(r, tail, h);""",
           ["queue_steal"]),
    Mutant("queue-tail-looked-at-relaxed", QUEUE,
           "tail = atomic_load_explicit(&q->tail, memory_order_acquire);",
           "tail = atomic_load_explicit(&q->tail, memory_order_relaxed);",
           ["queue_steal"]),
    Mutant("queue-overwrites-what-is-full", QUEUE,
           """        if (tail - q->head_seen > r->mask)
            return false;""",
           """        (void)r;""",
           ["queue_overflow"]),
    Mutant("queue-steal-without-exchange", QUEUE,
           """    } while (!atomic_compare_exchange_weak_explicit(&q->head, &head, head + n, memory_order_acq_rel,
                                                    memory_order_acquire));""",
           """        atomic_store_explicit(&q->head, head + n, memory_order_release);
    } while (0);""",
           ["queue_steal", "queue_two_thieves", "queue_claim", "queue_overflow"]),
    Mutant("queue-reads-slots-after-the-exchange", QUEUE,
           """        for (uint32_t i = 0; i < n; i++)
            out[i] = slot(r, head + i);
        /* mo: release pairs with [slot] in push: the slots have been read. Acquire, and on failure:
         * as at the first load. */
    } while (!atomic_compare_exchange_weak_explicit(&q->head, &head, head + n, memory_order_acq_rel,
                                                    memory_order_acquire));""",
           """    } while (!atomic_compare_exchange_weak_explicit(&q->head, &head, head + n, memory_order_acq_rel,
                                                    memory_order_acquire));
    for (uint32_t i = 0; i < n; i++)
        out[i] = slot(r, head + i);""",
           ["queue_steal"], ("genmc",)),
    Mutant("queue-ring-unpublished", QUEUE,
           "atomic_store_explicit(&q->ring, r, memory_order_release);",
           "atomic_store_explicit(&q->ring, r, memory_order_relaxed);",
           ["queue_grow"]),
    Mutant("queue-grows-empty", QUEUE,
           "for (uint64_t i = tail - old->mask - 1; i != tail; i++)",
           "for (uint64_t i = tail - old->mask; i != tail; i++)",
           ["queue_grow"]),
    Mutant("queue-frees-the-old-ring", QUEUE,
           """    atomic_store_explicit(&q->ring, r, memory_order_release);
    return true;""",
           """    atomic_store_explicit(&q->ring, r, memory_order_release);
    r->older = NULL;
    a->free(a->user, old, ring_bytes(old->mask + 1));
    return true;""",
           ["queue_grow"]),
    Mutant("queue-claims-and-forgets", QUEUE,
           "    return n != 0 ? n : take_up_to(q, out, max, false);",
           "    return take_up_to(q, out, max, false);",
           ["queue_claim"]),
    Mutant("global-lock-given-relaxed", SPIN,
           "atomic_store_explicit(&s->taken, false, memory_order_release);",
           "atomic_store_explicit(&s->taken, false, memory_order_relaxed);",
           ["global_take"]),
    Mutant("global-put-back-behind", GLOBAL,
           """    task_list_append(from, &q->ready);
    task_list_append(&q->ready, from);""",
           """    task_list_append(&q->ready, from);""",
           ["global_close"]),
    Mutant("global-refused-in-reverse", INJECT,
           """    oldest->queue_next = NULL;
    (void)turn_round(newest, &count);
    return false;""",
           """    oldest->queue_next = NULL;
    return false;""",
           ["global_close"]),
    # ---- sleep ----
    Mutant("sleeper-looks-at-nothing", SLEEP,
           "    return pirn__mt_has_work(w->mt) || pirn__mt_is_stopping(&w->mt->base) ||",
           "    return pirn__mt_is_stopping(&w->mt->base) ||",
           ["mt_sleep", "mt_search"]),
    Mutant("sleeper-looks-before-it-says-so", SLEEP,
           """    pirn__idle_sleep(idle, w->index, w->searching);
    w->searching = true;
    w->may_drive = true;
    volunteer(w);
    /* Whoever picks it unparks it after; whoever calls it unparks it as well. */
    while (!found && !is_called(w)) {""",
           """    bool called = is_called(w);

    pirn__idle_sleep(idle, w->index, w->searching);
    w->searching = true;
    w->may_drive = true;
    volunteer(w);
    while (!found && !called) {""",
           ["mt_sleep", "mt_search"]),
    Mutant("watcher-called-is-taken-for-woken", SLEEP,
           "        if (!pirn__idle_sleeps(idle, w->index))",
           "        if (w->index + 1 != 0)",
           ["mt_watcher"]),
    Mutant("idle-word-acq-rel", IDLE,
           "return atomic_fetch_add_explicit(&idle->word, n, memory_order_seq_cst);",
           "return atomic_fetch_add_explicit(&idle->word, n, memory_order_acq_rel);",
           ["mt_sleep", "mt_search"], ("genmc",)),
    Mutant("idle-looked-at-acquire", IDLE,
           "return atomic_load_explicit(&idle->word, memory_order_seq_cst);",
           "return atomic_load_explicit(&idle->word, memory_order_acquire);",
           ["mt_sleep", "mt_search"]),
    Mutant("shared-queue-looked-at-acquire", INJECT,
           "struct header *head = atomic_load_explicit(&q->head, memory_order_seq_cst);",
           "struct header *head = atomic_load_explicit(&q->head, memory_order_acquire);",
           ["mt_sleep"]),
    Mutant("pick-without-a-second-look", IDLE,
           "if (idle->count != 0 && idle_wants(look(idle), idle->workers)) {",
           "if (idle_wants(look(idle), idle->workers) || idle->count == 0) {",
           ["idle_pick"]),
    Mutant("wakes-itself-though-picked", IDLE,
           "    slept = i != idle->count;",
           "    slept = true;",
           ["idle_pick"]),
    Mutant("last-searcher-tells-nobody", WORKER,
           """        if (pirn__idle_end_search(&w->mt->idle))
            pirn__mt_notify(w->mt);
    } else if""",
           """        (void)pirn__idle_end_search(&w->mt->idle);
    } else if""",
           ["mt_chain"]),
    Mutant("picked-and-left-asleep", SCHEDULE,
           """        pirn__parker_unpark(&mt->workers[worker].parker, &mt->driver);
}""",
           """        (void)worker;
}""",
           ["mt_sleep", "mt_chain"]),
    # ---- parkers ----
    Mutant("unpark-publishes-nothing", PARK,
           "uint32_t was = atomic_exchange_explicit(&p->state, NOTIFIED, memory_order_seq_cst);",
           "uint32_t was = atomic_exchange_explicit(&p->state, NOTIFIED, memory_order_relaxed);",
           ["parker_word", "parker_driver"]),
    Mutant("unpark-acq-rel", PARK,
           "uint32_t was = atomic_exchange_explicit(&p->state, NOTIFIED, memory_order_seq_cst);",
           "uint32_t was = atomic_exchange_explicit(&p->state, NOTIFIED, memory_order_acq_rel);",
           ["parker_driver"]),
    Mutant("unpark-skips-what-is-notified", PARK,
           "    uint32_t was = atomic_exchange_explicit(&p->state, NOTIFIED, memory_order_seq_cst);",
           """    uint32_t was = atomic_load_explicit(&p->state, memory_order_seq_cst);

    if (was == NOTIFIED)
        return;
    was = atomic_exchange_explicit(&p->state, NOTIFIED, memory_order_seq_cst);""",
           ["parker_word", "parker_driver"]),
    Mutant("unpark-forgets-the-driver", PARK,
           """    else if (was == PARKED_ON_DRIVER)
        pirn__driver_unpark(&d->driver);""",
           """    (void)d;""",
           ["parker_driver"]),
    Mutant("park-overwrites-a-notification", PARK,
           """    if (!announce(p, PARKED))
        return;""",
           """    atomic_store_explicit(&p->state, PARKED, memory_order_seq_cst);""",
           ["parker_word"]),
    Mutant("parker-looks-late", PARK,
           "return atomic_load_explicit(&p->state, memory_order_seq_cst) == NOTIFIED;",
           "return p == NULL;",
           ["parker_driver"]),
    Mutant("two-on-the-driver", PARK,
           "           !atomic_exchange_explicit(&d->taken, true, memory_order_acquire);",
           "           d != NULL;",
           ["parker_two"]),
    Mutant("driver-given-back-relaxed", PARK,
           "atomic_store_explicit(&d->taken, false, memory_order_release);",
           "atomic_store_explicit(&d->taken, false, memory_order_relaxed);",
           ["parker_two"]),
    Mutant("driver-kept", PARK,
           """    atomic_store_explicit(&d->taken, false, memory_order_release);
""",
           """    (void)0;
""",
           ["parker_driver", "parker_two"]),
    # ---- what is passed on ----
    Mutant("slot-unpublished", SCHEDULE,
           "atomic_store_explicit(&w->lifo, h, memory_order_release);",
           "atomic_store_explicit(&w->lifo, h, memory_order_relaxed);",
           ["mt_lifo"]),
    Mutant("slot-overwritten", SCHEDULE,
           "    struct header *displaced = atomic_exchange_explicit(&w->lifo, h, memory_order_acq_rel);",
           """    struct header *displaced = atomic_load_explicit(&w->lifo, memory_order_acquire);

    atomic_store_explicit(&w->lifo, h, memory_order_release);""",
           ["mt_lifo"]),
    Mutant("slot-emptied-by-a-store", FIND,
           "    return atomic_exchange_explicit(&w->lifo, NULL, memory_order_acquire);",
           """    struct header *h = atomic_load_explicit(&w->lifo, memory_order_acquire);

    atomic_store_explicit(&w->lifo, NULL, memory_order_relaxed);
    return h;""",
           ["mt_lifo"]),
    Mutant("passed-on-relaxed", WORKER,
           "atomic_store_explicit(&w->passed_on, 1, memory_order_release);",
           "atomic_store_explicit(&w->passed_on, 1, memory_order_relaxed);",
           ["mt_pass_on"]),
    Mutant("taken-over-relaxed", WORKER,
           "return atomic_exchange_explicit(&w->passed_on, 0, memory_order_acquire) != 0;",
           "return atomic_exchange_explicit(&w->passed_on, 0, memory_order_relaxed) != 0;",
           ["mt_pass_on"]),
    Mutant("taken-over-by-two", WORKER,
           "return atomic_exchange_explicit(&w->passed_on, 0, memory_order_acquire) != 0;",
           """if (atomic_load_explicit(&w->passed_on, memory_order_acquire) == 0)
        return false;
    atomic_store_explicit(&w->passed_on, 0, memory_order_relaxed);
    return true;""",
           ["mt_pass_on"]),
    # ---- the end ----
    Mutant("stop-closes-nothing", STOP,
           """    pirn__global_close(&mt->global); /* if who asked has not come to it yet */
""",
           """    (void)0;
""",
           ["mt_stop_push"], ("genmc",)),
    Mutant("stop-wakes-nobody", STOP,
           """    pirn__mt_wake_all(mt);
""",
           """    (void)mt;
""",
           ["mt_stop_sleep"]),
    Mutant("stopped-counted-release", STOP,
           "atomic_fetch_add_explicit(&mt->stopped, 1, memory_order_acq_rel)",
           "atomic_fetch_add_explicit(&mt->stopped, 1, memory_order_release)",
           ["mt_last"]),
    Mutant("stopped-counted-acquire", STOP,
           "atomic_fetch_add_explicit(&mt->stopped, 1, memory_order_acq_rel)",
           "atomic_fetch_add_explicit(&mt->stopped, 1, memory_order_acquire)",
           ["mt_last"]),
    Mutant("stopped-unpublished", STOP,
           "atomic_store_explicit(&mt->stop, MT_STOPPED, memory_order_release);",
           "atomic_store_explicit(&mt->stop, MT_STOPPED, memory_order_relaxed);",
           ["mt_last"]),
    Mutant("stopped-told-to-nobody", STOP,
           """    pirn__futex_wake(&mt->stop, INT32_MAX);
    pirn__mt_links_changed(mt); /* a walker that waits for an answer */
""",
           "",
           ["mt_last"]),
    Mutant("task-in-hand-not-waited-for", LINKS,
           "return atomic_load_explicit(&mt->links_moving, memory_order_seq_cst) == 0;",
           "return mt != NULL;",
           ["mt_asked_stolen"]),
    Mutant("task-in-hand-linked-relaxed", LINKS,
           "(void)atomic_fetch_sub_explicit(&mt->links_moving, 1, memory_order_release);",
           "(void)atomic_fetch_sub_explicit(&mt->links_moving, 1, memory_order_relaxed);",
           ["mt_asked_stolen"]),
    Mutant("task-in-hand-not-told", FIND,
           """    if (UNLIKELY(watched))
        pirn__mt_begin_move(w->mt);
    n = take(victim, tasks);
    if (UNLIKELY(watched))
        pirn__mt_end_move(w->mt, tasks, n);""",
           """    n = take(victim, tasks);
    (void)watched;""",
           ["mt_asked_stolen"]),
    # ---- walkers ----
    Mutant("links-unpublished", LINKS,
           "atomic_store_explicit(&w->link_done, asked, memory_order_release);",
           "atomic_store_explicit(&w->link_done, asked, memory_order_relaxed);",
           ["mt_asked_overflow"]),
    Mutant("links-looked-at-relaxed", LINKS,
           "if (is_before(atomic_load_explicit(&mt->workers[i].link_done, memory_order_acquire), asked))",
           "if (is_before(atomic_load_explicit(&mt->workers[i].link_done, memory_order_relaxed), asked))",
           ["mt_asked_overflow"]),
    Mutant("walker-wakes-nobody", LINKS,
           """    pirn__mt_wake_all(mt);
""",
           """    (void)mt;
""",
           ["mt_asked"]),
    # ---- the watchdog ----
    Mutant("watchdog-not-looked-at-again", WATCHDOG,
           "while (!d->rt->flavor->is_awake(d->rt) &&",
           "while (d != NULL &&",
           ["mt_watch", "core_watch"]),
    Mutant("watchdog-announced-relaxed", WATCHDOG,
           """&d->state, &up, ASLEEP, memory_order_seq_cst,
                                                 memory_order_relaxed))
        return;""",
           """&d->state, &up, ASLEEP, memory_order_relaxed,
                                                 memory_order_relaxed))
        return;""",
           ["mt_watch", "core_watch"], ("genmc",)),
    Mutant("watchdog-looked-at-acquire", WATCHDOG,
           "if (LIKELY(atomic_load_explicit(&d->state, memory_order_seq_cst) != ASLEEP) ||",
           "if (LIKELY(atomic_load_explicit(&d->state, memory_order_acquire) != ASLEEP) ||",
           ["core_watch"]),
    Mutant("awake-released", CORE,
           "atomic_store_explicit(&ct->awake, awake, memory_order_seq_cst);",
           "atomic_store_explicit(&ct->awake, awake, memory_order_release);",
           ["core_watch"]),
    Mutant("watchdog-forgets-its-end", WATCHDOG,
           """    up = ASLEEP;
    if (!atomic_compare_exchange_strong_explicit(&d->state, &up, UP, memory_order_relaxed,
                                                 memory_order_relaxed) &&
        up == CALLED)
        (void)atomic_compare_exchange_strong_explicit(&d->state, &up, UP, memory_order_relaxed,
                                                      memory_order_relaxed);""",
           """    atomic_store_explicit(&d->state, UP, memory_order_relaxed);""",
           ["mt_watch_end"]),
    Mutant("watchdog-called-silently", WATCHDOG,
           """        return;
    pirn__futex_wake(&d->state, 1);
}""",
           """        return;
}""",
           ["mt_watch", "core_watch"]),
]
