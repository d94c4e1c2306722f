# SPDX-License-Identifier: MIT
"""Which mistakes in task/sync and in what it waits with must be noticed?"""
from mutant import Mutant

QUEUE = "task/sync/wait_queue.c"
QUEUE_H = "task/sync/wait_queue.h"
SEMA = "task/sync/sema.c"
NOTIFY = "task/sync/notify.c"
ONCE = "task/sync/once.c"
TOKEN = "task/sync/cancel_token.c"
WAKE = "task/wake.c"
SPIN = "task/base/spin.h"

MUTANTS = [
    # ---- the queue --------------------------------------------------------------------------------
    Mutant("waiter-let-go-before-its-wake", QUEUE,
           """    pirn__wake_take(wakes, &w->waker);
    /* mo: release pairs with [waiter] in poll and leave, where the lock is not taken: what was granted
     * is there, and we have done with the waiter. */
    atomic_store_explicit(&w->state, asked | (uint32_t)state, memory_order_release);""",
           """    atomic_store_explicit(&w->state, asked | (uint32_t)state, memory_order_release);
    pirn__wake_take(wakes, &w->waker);""",
           ["sema_late"]),
    Mutant("woken-before-it-is-marked", QUEUE,
           """    atomic_store_explicit(&w->state, asked | WAITER_TAKEN, memory_order_relaxed);
""",
           "",
           ["notify_late"]),
    Mutant("resolved-unpublished", QUEUE,
           "atomic_store_explicit(&w->state, asked | (uint32_t)state, memory_order_release);",
           "atomic_store_explicit(&w->state, asked | (uint32_t)state, memory_order_relaxed);",
           ["sema_end"]),
    Mutant("resolved-seen-relaxed", QUEUE_H,
           "uint32_t s = atomic_load_explicit(&w->state, memory_order_acquire) & WAITER_STATE_MASK;",
           "uint32_t s = atomic_load_explicit(&w->state, memory_order_relaxed) & WAITER_STATE_MASK;",
           ["sema_end"]),
    Mutant("waiting-without-reference", QUEUE_H,
           """    link_put_before(&w->link, &q->list);
    *word = queue_with_ref(*word);""",
           """    link_put_before(&w->link, &q->list);""",
           ["sema_end", "notify_end"]),
    Mutant("left-without-a-second-look", QUEUE,
           """    s = state_under_lock(w);
    if (s != WAITER_WAITING) {
        queue_unlock(w->queue, *word);
        return s;
    }
    link_take(&w->link);""",
           """    link_take(&w->link);""",
           ["notify_one"]),
    Mutant("waker-changed-without-a-second-look", QUEUE,
           """    old.data = fresh.data;
    if (s == WAITER_WAITING) {""",
           """    old.data = fresh.data;
    if (s != WAITER_IDLE) {""",
           ["notify_waker"]),
    Mutant("waker-not-changed", QUEUE,
           "    return s != WAITER_WAITING || same ? s : change_waker(w, cx);",
           "    return s;",
           ["notify_waker"]),
    Mutant("resolved-in-the-ring", QUEUE,
           """    link_take(&w->link);
    /* mo: relaxed. A poll""",
           """    /* mo: relaxed. A poll""",
           ["sema_grant"]),
    Mutant("unlocked-without-publishing", QUEUE_H,
           "atomic_store_explicit(&q->word, word, memory_order_release);",
           "atomic_store_explicit(&q->word, word, memory_order_relaxed);",
           ["sema_drop", "notify_one"]),
    Mutant("changed-without-publishing", QUEUE_H,
           "word, next, memory_order_acq_rel,",
           "word, next, memory_order_acquire,",
           ["sema_grant", "notify_one"]),
    Mutant("changed-without-acquiring", QUEUE_H,
           "word, next, memory_order_acq_rel,",
           "word, next, memory_order_release,",
           ["sema_grant", "notify_one"]),
    Mutant("peeked-relaxed", QUEUE_H,
           "return atomic_load_explicit(&q->word, memory_order_acquire);",
           "return atomic_load_explicit(&q->word, memory_order_relaxed);",
           ["once_seen"]),
    # ---- semaphore --------------------------------------------------------------------------------
    Mutant("dropped-part-lost", SEMA,
           "hand_out(q, word - QUEUE_REF(1), waiter_asked(w) - w->need);",
           "hand_out(q, word - QUEUE_REF(1), 0);",
           ["sema_drop"]),
    Mutant("dropped-grant-lost", SEMA,
           "s == WAITER_GRANTED ? waiter_asked(w) : waiter_asked(w) - w->need",
           "0",
           ["sema_drop"]),
    Mutant("closed-part-lost", SEMA,
           "    if (part != 0)",
           "    if (part == 0)",
           ["sema_close"]),
    Mutant("given-back-past-who-waits", SEMA,
           "next = word & QUEUE_WAITERS ? word | QUEUE_LOCKED : with_more(next, n);",
           "next = with_more(next, n); word &= ~QUEUE_WAITERS;",
           ["sema_grant"]),
    Mutant("closed-lets-wait", SEMA,
           """    if (word & QUEUE_CLOSED) {
        r = PIRN_ECLOSED;
    } else if""",
           """    if""",
           ["sema_shut"]),
    # ---- notify -----------------------------------------------------------------------------------
    Mutant("notified-between-look-and-lock", NOTIFY,
           "    found = QUEUE_VALUE(word) != 0;",
           "    found = false;",
           ["notify_one"]),
    Mutant("notification-dies-with-its-waiter", NOTIFY,
           "        notify_one_of(w->queue, s);",
           "        (void)s;",
           ["notify_one", "notify_task"]),
    Mutant("a-permit-that-is-there-is-left-alone", NOTIFY,
           "        grants = word & QUEUE_WAITERS;",
           """        grants = word & QUEUE_WAITERS;
        if (QUEUE_VALUE(word) != 0)
            return;""",
           ["notify_pair"]),
    # ---- once -------------------------------------------------------------------------------------
    Mutant("the-turn-dies-with-its-waiter", ONCE,
           """    else if (s == WAITER_GRANTED)
        pass_turn(w->queue);""",
           "",
           ["once_done"]),
    Mutant("a-turn-that-nobody-waits-for-stays-taken", ONCE,
           """    else
        word -= QUEUE_ONE(ONCE_TAKEN - ONCE_OPEN);""",
           "",
           ["once_done"]),
    Mutant("waits-for-a-turn-that-is-free", ONCE,
           "(need == WAITS_FOR_IT || QUEUE_VALUE(word) == ONCE_TAKEN);",
           "true;",
           ["once_done"]),
    # ---- cancel token -----------------------------------------------------------------------------
    Mutant("children-are-not-reached", TOKEN,
           "    link_move_all(&t->children, turn);\n",
           "",
           ["cancel_below"]),
    Mutant("a-freed-one-takes-its-children-along", TOKEN,
           "    link_move_all(&t->children, &t->sibling);",
           "    link_init(&t->children);",
           ["cancel_below"]),
    Mutant("born-below-a-cancelled-one", TOKEN,
           "    cancelled = is_cancelled(&parent->queue);",
           "    cancelled = false;",
           ["cancel_below"]),
    Mutant("waits-though-cancelled", TOKEN,
           "    waits = QUEUE_VALUE(word) == 0;",
           "    waits = true;",
           ["cancel_below"]),
    Mutant("root-without-its-children", TOKEN,
           "        while (!queue_change(root, &word, queue_with_ref(word)));",
           "        while (!queue_change(root, &word, word));",
           ["cancel_twice"]),
    Mutant("tree-lock-publishes-nothing", SPIN,
           "atomic_store_explicit(&s->taken, false, memory_order_release);",
           "atomic_store_explicit(&s->taken, false, memory_order_relaxed);",
           ["cancel_below"]),
    Mutant("tree-lock-acquires-nothing", SPIN,
           "while (atomic_exchange_explicit(&s->taken, true, memory_order_acquire))",
           "while (atomic_exchange_explicit(&s->taken, true, memory_order_relaxed))",
           ["cancel_below"]),
    # ---- borrowed wakers -------------------------------------------------------------------------------
    Mutant("wake-takes-and-wakes-not", WAKE,
           "    if (pirn__state_wake_by_ref(&h->state) != WAKE_SUBMIT)",
           "    if (true)",
           ["notify_late"]),
    Mutant("wake-from-outside-without-reference", WAKE,
           "    pirn__state_ref_inc(&h->state);\n",
           "",
           ["notify_task"]),
]

FILES = (QUEUE, QUEUE_H, SEMA, NOTIFY, ONCE, TOKEN, SPIN)
