# SPDX-License-Identifier: MIT
"""Mistakes in groups and in settling."""
from mutant import Mutant

STATE = "task/state.c"
SETTLE = "task/settle.c"
RECORD = "task/settle.h"
GROUP = "task/group.c"
OWNER = "task/group_owner.c"
WAIT = "task/group_wait.c"
ROOT = "runtime/scheduler/root.c"
SPIN = "task/base/spin.h"

FILES = (SETTLE, RECORD, GROUP, OWNER, WAIT)

MUTANTS = [
    Mutant("end-with-children-alive", SETTLE,
           "if (!settle_is_alone(s)) {",
           "if (s == NULL) {",
           ["settle_done", "settle_last"]),
    Mutant("settled-without-what-children-left", RECORD,
           "return atomic_fetch_sub_explicit(&s->left, 1, memory_order_acq_rel) == 1;",
           "return atomic_fetch_sub_explicit(&s->left, 1, memory_order_relaxed) == 1;",
           ["settle_last"]),
    Mutant("settled-publishes-nothing", STATE,
           """    } while (!exchange(s, &cur, next, memory_order_acq_rel));
}

void pirn__state_end_settling""",
           """    } while (!exchange(s, &cur, next, memory_order_acquire));
}

void pirn__state_end_settling""",
           ["settle_settled"]),
    Mutant("settled-is-not-notified", STATE,
           "next = (cur & ~STATE_RUNNING) | STATE_NOTIFIED;",
           "next = cur & ~STATE_RUNNING;",
           ["settle_done"]),
    Mutant("settled-is-polled-again", STATE,
           """           : cur & STATE_SETTLING                              ? RUN_END
""",
           """           : cur & STATE_SETTLING                              ? RUN_POLL
""",
           ["settle_done"]),
    Mutant("closer-cancels-what-has-settled", STATE,
           "act = cur & STATE_SETTLING ? SHUTDOWN_END : SHUTDOWN_CANCEL;",
           "act = SHUTDOWN_CANCEL;",
           ["settle_settled"]),
    Mutant("closer-queues-a-second-time", SETTLE,
           "if (s->ending.owned_given) {",
           "if (s == NULL) {",
           ["settle_closer"]),
    Mutant("last-child-tells-nobody", GROUP,
           """    if (g->alive == 0) {
        p->told = g->told;""",
           """    if (g->alive == 1) {
        p->told = g->told;""",
           ["settle_last"]),
    Mutant("group-is-not-counted-in", OWNER,
           "        settle_add(s);\n",
           "",
           ["settle_done"]),
    Mutant("results-outlive-their-owner", SETTLE,
           "    pirn__groups_drop_results(h->end.ops);\n    return false;",
           "    return false;",
           ["settle_last"]),
    Mutant("result-wakes-nobody", GROUP,
           "    part(g, &p, &wakes, !drop);",
           "    part(g, &p, &wakes, false);",
           ["group_next"]),
    Mutant("waiter-looks-first", WAIT,
           "    if (r == PIRN_PENDING) {\n        ring_add(&g->waits, &w->link);",
           "    if (r == PIRN_PENDING) {\n        spin_give(&g->lock);\n        spin_take(&g->lock);\n"
           "        ring_add(&g->waits, &w->link);",
           ["group_next"]),
    Mutant("group-lock-publishes-nothing", SPIN,
           "atomic_store_explicit(&s->taken, false, memory_order_release);",
           "atomic_store_explicit(&s->taken, false, memory_order_relaxed);",
           ["group_next"]),
    Mutant("handle-goes-twice", OWNER,
           "    none = g->alive == 0;",
           "    none = true;",
           ["group_free"]),
    Mutant("handle-goes-never", GROUP,
           "        p->last = g->freed;",
           "        p->last = false;",
           ["group_free"]),
    Mutant("late-child-is-not-cancelled", GROUP,
           "        word |= STATE_CANCELLED;",
           "        word |= 0;",
           ["group_cancel"]),
    Mutant("abort-without-a-reference", GROUP,
           "    pirn__state_ref_inc(&n->cell->state); /* the group's own may go meanwhile */\n",
           "",
           ["group_cancel"]),
    Mutant("root-settled-publishes-nothing", ROOT,
           "atomic_store_explicit(&r->settled, true, memory_order_release);",
           "atomic_store_explicit(&r->settled, true, memory_order_relaxed);",
           ["root_settle"]),
    Mutant("root-wakes-before-it-is-settled", ROOT,
           """    atomic_store_explicit(&r->settled, true, memory_order_release);
    root_wake(r);""",
           """    root_wake_by_ref(r);
    atomic_store_explicit(&r->settled, true, memory_order_release);
    root_drop(r);""",
           ["root_settle"]),
]
