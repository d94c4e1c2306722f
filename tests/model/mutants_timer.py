# SPDX-License-Identifier: MIT
"""Which mistakes in timers must be noticed? As in mutants.py."""
from mutant import Mutant

TIMERS = "runtime/time/timers.c"
HEADER = "runtime/time/timers.h"
WHEEL = "runtime/time/wheel.c"
SPIN = "task/base/spin.h"
CLOCK = "runtime/time/clock.c"
CORE = "runtime/scheduler/current_thread.c"

FILES = (TIMERS, HEADER, CLOCK)

MUTANTS = [
    Mutant("timer-woken-after-the-lock", TIMERS,
           """        pirn__wake_take(l, &timer->waker);
    }
    /* Also on the way: who sleeps until then reads it. */
    put_next(t, pirn__wheel_next(&t->wheel));
    spin_give(&t->lock);""",
           """        spin_give(&t->lock);
        pirn__wake_take(l, &timer->waker);
        spin_take(&t->lock);
    }
    put_next(t, pirn__wheel_next(&t->wheel));
    spin_give(&t->lock);""",
           ["timer_cancel"]),
    Mutant("timer-touched-after-its-wake", TIMERS,
           """        timer->next = NULL;
        /* From here on its task may run, and look at it: once it has the lock. */
        pirn__wake_take(l, &timer->waker);
    }
    /* Also on the way: who sleeps until then reads it. */
    put_next(t, pirn__wheel_next(&t->wheel));
    spin_give(&t->lock);""",
           """        pirn__wake_take(l, &timer->waker);
        spin_give(&t->lock);
        timer->next = NULL;
        spin_take(&t->lock);
    }
    put_next(t, pirn__wheel_next(&t->wheel));
    spin_give(&t->lock);""",
           ["timer_fired"]),
    Mutant("timer-looked-at-without-lock", TIMERS,
           """    spin_take(&t->lock);
    state = state_of(timer);
    spin_give(&t->lock);
    return state;
}

enum timer_state pirn__timer_set_waker""",
           """    state = state_of(timer);
    return t != NULL ? state : TIMER_ENDED;
}

enum timer_state pirn__timer_set_waker""",
           ["timer_fired"]),
    Mutant("timer-cancelled-without-lock", TIMERS,
           """    spin_take(&t->lock);
    waiting = timer->link != NULL;""",
           """    waiting = timer->link != NULL;
    if (!waiting) {
        timer->home = NULL;
        return false;
    }
    spin_take(&t->lock);""",
           ["timer_cancel"]),
    Mutant("timer-next-stays-when-empty", TIMERS,
           """        if (t->wheel.count == 0)
            put_next(t, PIRN_NEVER); /* else it stays early: one look more */""",
           "",
           ["timer_cancel"]),
    Mutant("timer-insert-publishes-next-late", TIMERS,
           "    atomic_store_explicit(&t->next, next, memory_order_seq_cst);",
           "    atomic_store_explicit(&t->next, next, memory_order_release);",
           ["timer_tell"]),
    Mutant("timer-sleeper-reads-next-early", HEADER,
           "    return atomic_load_explicit(&t->next, memory_order_seq_cst);",
           "    return atomic_load_explicit(&t->next, memory_order_acquire);",
           ["timer_tell"]),
    Mutant("timer-first-is-not-said", TIMERS,
           "        first = due < get_next(t);\n        if (first)\n            put_next(t, due);",
           "        if (due < get_next(t))\n            put_next(t, due);",
           ["timer_tell"]),
    Mutant("timer-close-forgets-what-comes", TIMERS,
           "    if (UNLIKELY(t->closed)) {",
           "    if (false) {",
           ["timer_close"]),
    Mutant("timer-ended-is-not-woken", TIMERS,
           "        end_timer(timer);\n        pirn__wake_take(l, &timer->waker);",
           "        end_timer(timer);",
           ["timer_close"]),
    Mutant("clock-change-is-not-looked-for", CORE,
           """ ||
           rt_clock_changes(&ct->base.clock) != core->clock_seen;""",
           ";",
           ["core_clock"]),
    Mutant("clock-change-is-not-counted", CLOCK,
           "(void)atomic_fetch_add_explicit(&c->changes, 1, memory_order_seq_cst);",
           "(void)0;",
           ["core_clock"]),
    Mutant("clock-resume-publishes-nothing", CLOCK,
           "atomic_store_explicit(&c->paused, paused, memory_order_release);",
           "atomic_store_explicit(&c->paused, paused, memory_order_relaxed);",
           ["core_clock"]),
    Mutant("jump-is-not-looked-for", CORE,
           "has_reason(core) || pirn__handle_may_jump(&core->ct->base, &core->spawner.timers)",
           "has_reason(core)",
           ["core_jump"]),
    Mutant("spin-gives-nothing", SPIN,
           "    atomic_store_explicit(&s->taken, false, memory_order_release);",
           "    atomic_store_explicit(&s->taken, false, memory_order_relaxed);",
           ["timer_cancel"]),
    Mutant("spin-takes-nothing", SPIN,
           "    while (atomic_exchange_explicit(&s->taken, true, memory_order_acquire))",
           "    while (atomic_exchange_explicit(&s->taken, true, memory_order_relaxed))",
           ["timer_cancel"]),
]
