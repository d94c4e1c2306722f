# SPDX-License-Identifier: MIT
"""Which mistakes in the sources must be noticed, by which scenarios, under which tool?"""
import re

import mutants_chan
import mutants_group
import mutants_io
import mutants_mt
import mutants_pool
import mutants_sync
import mutants_timer
from mutant import Mutant

STATE = "task/state.c"
HARNESS = "task/harness.c"
JOIN = "task/join.c"
OWNED = "task/owned.c"
INJECT = "runtime/scheduler/inject.c"
DRIVER = "runtime/driver/driver.c"
WAITER = "runtime/scheduler/waiter.c"
WAKER_CELL = "task/waker_cell.c"
CORE = "runtime/scheduler/current_thread.c"
ROOT = "runtime/scheduler/root.c"
WAIT = "runtime/wait.c"
REF = "task/base/ref.h"

MUTANTS = [
    Mutant("run-keeps-notified", STATE,
           "next = (cur | STATE_RUNNING) & ~(STATE_NOTIFIED | STATE_SETTLING);",
           "next = (cur | STATE_RUNNING) & ~STATE_SETTLING;",
           ["wake_vs_run"]),
    Mutant("skip-keeps-reference", STATE,
           """            next = (cur | STATE_RUNNING) & ~(STATE_NOTIFIED | STATE_SETTLING);
        else
            next = cur - STATE_REF(1);""",
           """            next = (cur | STATE_RUNNING) & ~(STATE_NOTIFIED | STATE_SETTLING);
        else
            next = cur;""",
           ["shutdown"]),
    Mutant("skip-never-frees", STATE,
           "return STATE_REFS(next) == 0 ? RUN_FREE : RUN_SKIP;",
           "return RUN_SKIP;",
           ["shutdown_unjoined"]),
    Mutant("wake-during-poll-lost", STATE,
           "requeue = self_woken || (cur & STATE_NOTIFIED);",
           "requeue = self_woken;",
           ["wake_during_poll"]),
    Mutant("self-wake-lost", STATE,
           "requeue = self_woken || (cur & STATE_NOTIFIED);",
           "requeue = cur & STATE_NOTIFIED;",
           ["self_wake"]),
    Mutant("forgotten-at-pending-off-by-one", STATE,
           "left == 1 + !!(next & STATE_JOIN_INTEREST)",
           "left == 2 + !!(next & STATE_JOIN_INTEREST)",
           ["forgotten_pending"]),
    Mutant("forgotten-at-drop-off-by-one", STATE,
           "(2 + !!(cur & STATE_JOIN_INTEREST))",
           "(1 + !!(cur & STATE_JOIN_INTEREST))",
           ["forgotten_drops"]),
    Mutant("stale-join-waker-taken", STATE,
           """            read = read && cur == word;
""",
           "",
           ["join_replace"]),
    Mutant("replacing-leaves-no-mark", STATE,
           "(cur & ~STATE_JOIN_WAKER) | STATE_REPLACED",
           "cur & ~STATE_JOIN_WAKER",
           ["join_replace"]),
    Mutant("by-ref-trusts-notified", STATE,
           """        if (cur & STATE_COMPLETE)
            return WAKE_NONE;
        next = cur | STATE_NOTIFIED;""",
           """        if (cur & (STATE_COMPLETE | STATE_NOTIFIED))
            return WAKE_NONE;
        next = cur | STATE_NOTIFIED;""",
           ["two_wakers"]),
    Mutant("closer-takes-a-running-task", STATE,
           """        if (pirn__state_is_idle(cur)) {
            next = (next | STATE_RUNNING)""",
           """        if (!(cur & STATE_COMPLETE)) {
            next = (next | STATE_RUNNING)""",
           ["shutdown"]),
    Mutant("join-drop-leaves-interest", STATE,
           "next = (cur & ~(STATE_JOIN_INTEREST | STATE_JOIN_WAKER)) - STATE_REF(1);",
           "next = (cur & ~STATE_JOIN_WAKER) - STATE_REF(1);",
           ["join_drop"]),
    Mutant("t2-publishes-nothing", STATE,
           """         * to itself, and with [last] on IDLE_FREE. */
    } while (!exchange(s, &cur, next, memory_order_acq_rel));""",
           """         * to itself, and with [last] on IDLE_FREE. */
    } while (!exchange(s, &cur, next, memory_order_acquire));""",
           ["shutdown"]),
    Mutant("ref-dec-publishes-nothing", STATE,
           "    size_t cur = atomic_fetch_sub_explicit(&s->word, STATE_REF(refs), memory_order_acq_rel);",
           "    size_t cur = atomic_fetch_sub_explicit(&s->word, STATE_REF(refs), memory_order_acquire);",
           ["list_close"]),
    Mutant("ref-dec-sees-nothing", STATE,
           "    size_t cur = atomic_fetch_sub_explicit(&s->word, STATE_REF(refs), memory_order_acq_rel);",
           "    size_t cur = atomic_fetch_sub_explicit(&s->word, STATE_REF(refs), memory_order_release);",
           ["list_close"]),
    Mutant("completer-counts-the-closers-reference", HARNESS,
           "2 - (owned_given || (cell_is_linked(h) && !s->ops->unlink(s, h)))",
           "2 - owned_given",
           ["shutdown"]),
    Mutant("refused-link-ignored", HARNESS,
           """        pirn__state_cancel_queued(&h->state);
    poller_idle""",
           """        (void)0;
    poller_idle""",
           ["late_link"]),
    Mutant("cancel-guesses-the-word", HARNESS,
           "    complete(h, p, e->owned_given, pirn__state_load(&h->state));",
           "    complete(h, p, e->owned_given, pirn__state_peek(&h->state));",
           ["join_cancelled"]),
    Mutant("late-waker-leaks", JOIN,
           """    drop_words(&mine);
    return true;
}""",
           """    return true;
}""",
           ["join_register"]),
    Mutant("replaced-waker-leaks", JOIN,
           """    drop_words(&old);
    return complete;""",
           "    return complete;",
           ["join_replace"]),
    Mutant("unlink-forgets-walkers", OWNED,
           "n->prev = GATE_WALKERS(gate) != 0 ? OWNED_PEND : NULL;",
           "n->prev = NULL;",
           ["list_link_walk"]),
    Mutant("no-grace-period", OWNED,
           """        pirn__rcu_synchronize();
""",
           """        (void)0;
""",
           ["list_two_walkers"]),
    Mutant("link-ignores-closed", OWNED,
           "if (gate & GATE_CLOSED) {",
           "if (0) {",
           ["list_close"]),
    Mutant("next-unpublished", OWNED,
           "    atomic_store_explicit(&n->next, to, memory_order_release);",
           "    atomic_store_explicit(&n->next, to, memory_order_relaxed);",
           ["list_link_walk"]),
    Mutant("gate-unlock-relaxed", OWNED,
           "    atomic_store_explicit(&o->gate, gate, memory_order_release);",
           "    atomic_store_explicit(&o->gate, gate, memory_order_relaxed);",
           ["list_close"]),
    Mutant("pin-of-a-cell-that-is-out", OWNED,
           "    if (is_in(last)) {",
           "    if (1) {",
           ["list_pin"]),
    Mutant("close-drops-the-queue", INJECT,
           """    if (head != CLOSED)
        (void)append_reversed(head, to);""",
           """    (void)head;
    (void)to;""",
           ["inject"]),
    Mutant("push-unpublished", INJECT,
           "&head, newest, memory_order_seq_cst,",
           "&head, newest, memory_order_relaxed,",
           ["inject"]),
    Mutant("park-announced-release", DRIVER,
           """    atomic_store_explicit(&d->state, PARKED, memory_order_seq_cst);
    if (!pending(arg)) {""",
           """    atomic_store_explicit(&d->state, PARKED, memory_order_release);
    if (!pending(arg)) {""",
           ["park"]),
    Mutant("unpark-looks-early", DRIVER,
           "if (atomic_load_explicit(&d->state, memory_order_seq_cst) != PARKED)",
           "if (atomic_load_explicit(&d->state, memory_order_acquire) != PARKED)",
           ["park"]),
    Mutant("unpark-writes-nothing", DRIVER,
           """        pirn__io_call(&d->io);""",
           """        (void)0;""",
           ["park"]),
    Mutant("signal-overwritten", WAITER,
           "    return atomic_exchange_explicit(&w->signal, 0, memory_order_acquire);",
           """    uint32_t was = atomic_load_explicit(&w->signal, memory_order_acquire);

    atomic_store_explicit(&w->signal, 0, memory_order_release);
    return was;""",
           ["root_wait"]),
    Mutant("sleeper-unseen", WAITER,
           """    if (was & SIGNAL_SLEEPING)
""",
           """    if (was == (SIGNAL_SLEEPING | SIGNAL_CORE))
""",
           ["root_wait"]),
    Mutant("cell-store-over-a-wake", WAKER_CELL,
           "(void)atomic_exchange_explicit(&c->state, CELL_IDLE, memory_order_acq_rel);",
           "atomic_store_explicit(&c->state, CELL_IDLE, memory_order_release);",
           ["waker_cell"]),
    Mutant("cell-set-ignores-a-wake", WAKER_CELL,
           """        pirn_waker_wake_by_ref(&cx->waker);
""",
           """        (void)cx;
""",
           ["waker_cell"]),
    Mutant("core-put-back-silently", CORE,
           """    pirn__waiters_tell_one(&ct->waiters);
}""",
           "}",
           ["core_slot"]),
    Mutant("core-fd-not-looked-at-again", CORE,
           "(!used && atomic_load_explicit(&ct->fd_used, memory_order_seq_cst))",
           "false",
           ["core_fd"]),
    Mutant("core-asked-not-looked-at-again", CORE,
           "news = is_asked(ct) || ",
           "news = ",
           ["core_asked_late"]),
    Mutant("core-armed-without-a-look", CORE,
           """            if (needs_a_turn(core))
                pirn__driver_unpark(&ct->driver);""",
           """            (void)needs_a_turn(core);""",
           ["core_fd"]),
    Mutant("root-dropped-release", REF,
           "return atomic_fetch_sub_explicit(r, n, memory_order_acq_rel) == n;",
           "return atomic_fetch_sub_explicit(r, n, memory_order_release) == n;",
           ["root_end"]),
    Mutant("root-wakes-nobody", ROOT,
           """        pirn__driver_unpark(r->driver);
""",
           """        (void)0;
""",
           ["root_park"]),
    Mutant("hand-over-publishes-nothing", STATE,
           """        /* mo: as in wake_by_val: release pairs with [event], both with [last]. */
    } while (!exchange(s, &cur, next, memory_order_acq_rel));""",
           """        /* mo: as in wake_by_val: release pairs with [event], both with [last]. */
    } while (!exchange(s, &cur, next, memory_order_acquire));""",
           ["wake_here"]),
    Mutant("running-name-unpublished", HARNESS,
           "atomic_store_explicit(&p->running_desc, h->desc, memory_order_release);",
           "atomic_store_explicit(&p->running_desc, h->desc, memory_order_relaxed);",
           ["core_running"]),
    Mutant("parker-woken-relaxed", WAIT,
           "atomic_store_explicit(&p->woken, 1, memory_order_release);",
           "atomic_store_explicit(&p->woken, 1, memory_order_relaxed);",
           ["join_wait"]),
    Mutant("stop-asked-silently", CORE,
           """    pirn__driver_unpark(&ct->driver);
    pirn__waiters_tell_all(&ct->waiters);""",
           """    pirn__waiters_tell_all(&ct->waiters);""",
           ["core_stop"]),
    Mutant("served-unpublished", CORE,
           "atomic_store_explicit(&ct->link_done, asked, memory_order_release);",
           "atomic_store_explicit(&ct->link_done, asked, memory_order_relaxed);",
           ["core_asked"]),
    Mutant("core-put-back-release", CORE,
           "atomic_store_explicit(&ct->slot, core, memory_order_seq_cst);",
           "atomic_store_explicit(&ct->slot, core, memory_order_release);",
           ["core_fd"], ("genmc",)),
]
MUTANTS += mutants_mt.MUTANTS + mutants_pool.MUTANTS + mutants_timer.MUTANTS
MUTANTS += mutants_sync.MUTANTS
MUTANTS += mutants_io.MUTANTS
MUTANTS += mutants_group.MUTANTS
MUTANTS += mutants_chan.MUTANTS

# ---- every order, a step weaker: for run --weaken --------------------------------------------------

FILES = ("task/state.c", "task/base/ref.h", "task/join.c", "task/harness.c", "task/cell.h", "task/owned.c",
         "task/waker_cell.c", "runtime/scheduler/inject.c", "runtime/scheduler/waiter.c",
         "runtime/scheduler/root.c", "runtime/driver/driver.c",
         "runtime/scheduler/current_thread.c", "runtime/scheduler/walk.c", "runtime/wait.c",
         *mutants_mt.FILES, *mutants_pool.FILES, *mutants_timer.FILES, *mutants_sync.FILES,
         *mutants_io.FILES, *mutants_group.FILES, *mutants_chan.FILES)
ORDER = re.compile(r"memory_order_(seq_cst|acq_rel|acquire|release)\b")
LOAD = re.compile(r"atomic_load_explicit\([^;]*$", re.S)
STORE = re.compile(r"atomic_store_explicit\([^;]*$", re.S)


def weaker(root):
    """Mutants whose `new` is the whole file."""
    for file in FILES:
        text = (root / file).read_text()
        for m in ORDER.finditer(text):
            before = text[max(0, m.start() - 250) : m.start()]
            if before.rstrip().endswith("="):
                continue
            if m[1] == "acq_rel":
                steps = ("acquire", "release")
            elif m[1] == "seq_cst":
                steps = (("acquire",) if LOAD.search(before) else
                         ("release",) if STORE.search(before) else ("acq_rel",))
            else:
                steps = ("relaxed",)
            line = text.count("\n", 0, m.start()) + 1
            function = re.findall(r"^\w[^;\n]*?(\w+)\([^;]*?\n\{", text[: m.start()], re.M)
            for step in steps:
                name = f"{file}:{line} {function[-1] if function else ''}: {m[1]} -> {step}"
                new = text[: m.start()] + "memory_order_" + step + text[m.end() :]
                yield Mutant(name, file, "", new)


def files_of(scenario, here, root):
    """The sources a scenario includes."""
    found, open_files = set(), [here / f"{scenario}.c"]
    while open_files:
        file = open_files.pop()
        for name in re.findall(r'^#\s*include "([^"]+)"', file.read_text(), re.M):
            path = root / name
            if name not in found and path.is_file():
                found.add(name)
                open_files.append(path)
    return found
