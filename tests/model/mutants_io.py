# SPDX-License-Identifier: MIT
"""Which mistakes in readiness, seats and crowds must be noticed? As in mutants.py."""
from mutant import Mutant

READINESS = "runtime/io/readiness.c"
LOOK = "runtime/io/readiness.h"
SEAT = "runtime/io/seat.c"
SEAT_H = "runtime/io/seat.h"
REGISTRATION = "runtime/io/registration.c"
CROWD = "runtime/io/crowd.c"

FILES = (READINESS, LOOK, SEAT, SEAT_H, REGISTRATION, CROWD)

MUTANTS = [
    Mutant("clear-whatever-the-tick", READINESS,
           """        if ((cur ^ seen) & ~(READY_TICK - 1))
            return; /* there was an event since */
""",
           "",
           ["io_event", "io_two_events"]),
    Mutant("event-keeps-the-tick", READINESS,
           "((cur & ~(uint32_t)READY_CLOSED) | bits) + READY_TICK",
           "((cur & ~(uint32_t)READY_CLOSED) | bits)",
           ["io_event", "io_two_events"]),
    # As upstream: the word is written anew, and the bit of the shutdown is not in it.
    Mutant("clear-forgets-the-shutdown", READINESS,
           "&r->word, &cur, cur & ~bits,",
           "&r->word, &cur, cur & ~bits & ~(uint32_t)READY_SHUT,",
           ["io_shutdown"]),
    Mutant("event-forgets-the-shutdown", READINESS,
           "((cur & ~(uint32_t)READY_CLOSED) | bits)",
           "((cur & ~(uint32_t)(READY_CLOSED | READY_SHUT)) | bits)",
           ["io_shutdown"]),
    Mutant("waits-without-a-second-look", REGISTRATION,
           """        e = pirn__io_sit(w, r, dir, cx);
        if (e != 0)
            return e;
""",
           """        e = pirn__io_sit(w, r, dir, cx);
        return e != 0 ? e : PIRN_PENDING;
""",
           ["io_event", "io_shutdown"]),
    Mutant("looks-then-sits", REGISTRATION,
           """        e = pirn__io_sit(w, r, dir, cx);
        if (e != 0)
            return e;
""",
           """        *seen = readiness_look(&r->ready);
        e = pirn__io_sit(w, r, dir, cx);
        if (e != 0)
            return e;
        return *seen & dir ? 0 : PIRN_PENDING;
""",
           ["io_event"]),
    Mutant("set-orders-nothing", READINESS,
           """next, memory_order_seq_cst,
                                                      memory_order_relaxed));
    return next;""",
           """next, memory_order_relaxed,
                                                      memory_order_relaxed));
    return next;""",
           ["io_event"]),
    Mutant("look-orders-nothing", LOOK,
           "atomic_load_explicit(&r->word, memory_order_seq_cst)",
           "atomic_load_explicit(&r->word, memory_order_relaxed)",
           ["io_event"]),
    Mutant("seat-taken-without-release", SEAT,
           """(uintptr_t)me,
                                                memory_order_seq_cst, memory_order_relaxed)""",
           """(uintptr_t)me,
                                                memory_order_relaxed, memory_order_relaxed)""",
           ["io_event"]),
    Mutant("wake-empties-the-seat", SEAT,
           """    /* mo: release pairs with [seated] in take and leave: we have done with the waker. */
    atomic_store_explicit(&s->word, (uintptr_t)waiter | SEAT_WOKEN, memory_order_release);""",
           """    atomic_store_explicit(&s->word, 0, memory_order_release);""",
           ["io_retire"]),
    Mutant("wake-does-not-hold-the-seat", SEAT,
           """    if (!atomic_compare_exchange_strong_explicit(&s->word, &seen, seen | SEAT_BUSY,
                                                 memory_order_acquire, memory_order_relaxed))
        return;
""",
           "",
           ["io_drop", "io_retire"]),
    Mutant("wake-reads-without-acquire", SEAT,
           """seen | SEAT_BUSY,
                                                 memory_order_acquire,""",
           """seen | SEAT_BUSY,
                                                 memory_order_relaxed,""",
           ["io_foreign"]),
    Mutant("woken-without-release", SEAT,
           "(uintptr_t)waiter | SEAT_WOKEN, memory_order_release);",
           "(uintptr_t)waiter | SEAT_WOKEN, memory_order_relaxed);",
           ["io_drop"]),
    Mutant("condemned-does-not-wake", SEAT,
           "            next |= SEAT_BUSY;\n",
           "            next |= 0;\n",
           ["io_retire"]),
    Mutant("left-without-release", SEAT,
           """seen & SEAT_GONE,
                                                      memory_order_acq_rel,""",
           """seen & SEAT_GONE,
                                                      memory_order_acquire,""",
           ["io_drop"]),
    Mutant("condemned-leaves-unsaid", SEAT,
           "    return seen & SEAT_GONE;\n",
           "    return false;\n",
           ["io_retire", "io_drop"]),
    Mutant("leaves-while-a-waker-is-at-work", SEAT,
           """    do {
        seen = not_busy(s);
        ASSERT((""",
           """    do {
        seen = atomic_load_explicit(&s->word, memory_order_acquire);
        ASSERT((""",
           ["io_drop"]),
    Mutant("retired-without-counting-who-sits", REGISTRATION,
           "    ref_add(&r->pins, 2);\n",
           "",
           ["io_retire", "io_drop"]),
    Mutant("retired-without-the-bit", REGISTRATION,
           "word = pirn__readiness_end(&r->ready, READY_GONE);",
           "word = READY_GONE;",
           ["io_retire"]),
    Mutant("polled-again-keeps-the-old-waker", SEAT,
           """        if (LIKELY(cx->cell != NULL && op_is_armed(me)))
            return SEAT_YOURS;""",
           """        if (cx != NULL)
            return SEAT_YOURS;""",
           ["io_foreign"]),
    Mutant("told-is-forgotten-by-joining", CROWD,
           "if (o->link == NULL && o->told == 0)",
           "if (o->link == NULL && (o->told = 0) == 0)",
           ["io_crowd"]),
    Mutant("crowd-left-without-lock", CROWD,
           """    spin_take(&c->lock);
    if (o->link != NULL)
        let_go(c, o);
    spin_give(&c->lock);
    pirn__op_waker_drop(&o->waker);""",
           """    if (o->link != NULL)
        let_go(c, o);
    pirn__op_waker_drop(&o->waker);""",
           ["io_crowd"]),
    Mutant("crowd-told-after-the-lock", CROWD,
           """        o->told = word;
        pirn__wake_take(wakes, &o->waker);
        n++;
    }
    spin_give(&c->lock);""",
           """        n++;
        spin_give(&c->lock);
        o->told = word;
        pirn__wake_take(wakes, &o->waker);
        spin_take(&c->lock);
    }
    spin_give(&c->lock);""",
           ["io_crowd"]),
    Mutant("crowd-counted-without-order", CROWD,
           """memory_order_relaxed) + by,
                          memory_order_seq_cst);""",
           """memory_order_relaxed) + by,
                          memory_order_relaxed);""",
           ["io_crowd_join"]),
    Mutant("crowd-looked-at-without-order", CROWD,
           "if (atomic_load_explicit(&c->count, memory_order_seq_cst) == 0)",
           "if (atomic_load_explicit(&c->count, memory_order_relaxed) == 0)",
           ["io_crowd_join"]),
]
