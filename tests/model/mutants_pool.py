# SPDX-License-Identifier: MIT
"""Which mistakes in the blocking pool must be noticed? As in mutants.py.

What shows in a scenario of TOO_MANY executions only is relacy's: see run.
"""
from mutant import Mutant

CLAIMS = "runtime/blocking/claims.c"
POOL = "runtime/blocking/pool.c"

FILES = (CLAIMS, "runtime/blocking/claims.h")

MUTANTS = [
    Mutant("pool-call-publishes-nothing", CLAIMS,
           "atomic_exchange_explicit(&t->wake, POOL_CALLED, memory_order_release)",
           "atomic_exchange_explicit(&t->wake, POOL_CALLED, memory_order_relaxed)",
           ["pool_chain"], ("relacy",)),
    Mutant("pool-call-wakes-nobody", CLAIMS,
           "        pirn__futex_wake(&t->wake, 1);",
           "        (void)0;",
           ["pool_chain"], ("relacy",)),
    Mutant("pool-call-not-passed-on", POOL,
           "    pirn__pool_call(next); /* before this one blocks */",
           "    (void)next;",
           ["pool_chain"], ("relacy",)),
    Mutant("pool-called-after-the-task", POOL,
           """    pirn__pool_call(next); /* before this one blocks */
    t->serving = h;
    p->setup.run(p->setup.user, t, (struct notified){h}, cancel);""",
           """    t->serving = h;
    p->setup.run(p->setup.user, t, (struct notified){h}, cancel);
    pirn__pool_call(next);""",
           ["pool_chain"], ("relacy",)),
    Mutant("pool-goes-though-claimed", POOL,
           "        if (t->listed && pool_count(&p->idle) != 0) {",
           "        if (t->listed) {",
           ["pool_claimed"], ("relacy",)),
    Mutant("pool-goes-though-called", POOL,
           """        if (t->listed && pool_count(&p->idle) != 0) {
            pirn__pool_unlist_idle(p, t);""",
           """        if (!t->listed || pool_count(&p->idle) != 0) {
            if (t->listed)
                pirn__pool_unlist_idle(p, t);""",
           ["pool_claimed", "pool_keep_alive"], ("relacy",)),
    Mutant("pool-comes-before-it-is-called", POOL,
           """        (void)sleep_idle(t, PIRN_NEVER);
""",
           """        (void)0;
""",
           ["pool_claimed"], ("relacy",)),
    Mutant("pool-waits-for-no-making", POOL,
           "    while (!p->closed && !has_thread(p) && pool_count(&p->threads) >= p->setup.max_threads)",
           "    while (p == NULL)",
           ["pool_settle"]),
    Mutant("pool-queues-for-nobody", POOL,
           """    if (!has_thread(p))
        return r;
""",
           "",
           ["pool_keep_alive", "pool_settle"]),
]
