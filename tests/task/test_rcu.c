/* SPDX-License-Identifier: MIT */
/* Is a thread registered at most once, and left as it was? */
#include "task/rcu.h"

#include <criterion/criterion.h>

Test(rcu, a_thread_that_is_registered_stays_so)
{
    bool first = pirn__rcu_enter_thread();

    cr_expect_eq(first, PIRN_RCU, "by the first who asks, if there is anything to register with");
    cr_expect_not(pirn__rcu_enter_thread());
    pirn__rcu_leave_thread(false);
    cr_expect_not(pirn__rcu_enter_thread(), "still registered: it was not ours to undo");
    pirn__rcu_leave_thread(first);
    cr_expect_eq(pirn__rcu_enter_thread(), first, "undone: it can be done again");
    pirn__rcu_leave_thread(first);
}

Test(rcu, a_grace_period_ends_without_readers)
{
    bool registered = pirn__rcu_enter_thread();

    pirn__rcu_read_lock();
    pirn__rcu_read_unlock();
    pirn__rcu_synchronize();
    pirn__rcu_leave_thread(registered);
    pirn__rcu_synchronize();
    cr_expect_eq(pirn__rcu_enter_thread(), registered);
    pirn__rcu_leave_thread(registered);
}
