/* SPDX-License-Identifier: MIT */
/* liburcu's memb flavour, or nothing in a build without it. */
#include "task/rcu.h"

#include "task/base/compiler.h"

#if PIRN_RCU

#    include <urcu/urcu-memb.h>

#    include <urcu/static/urcu-memb.h>

#    if UNDER_TSAN
extern void __tsan_acquire(void *);
extern void __tsan_release(void *);
static char grace_period; /* stands for the edge from a read section's end to a grace period's */
#    endif

bool pirn__rcu_enter_thread(void)
{
    /* Registering twice aborts in builds of liburcu that keep their assertions; a caller that uses
     * the memb flavour itself has registered its thread. */
    if (URCU_TLS(urcu_memb_reader).registered)
        return false;
    urcu_memb_register_thread();
    return true;
}

void pirn__rcu_leave_thread(bool registered_here)
{
    if (registered_here)
        urcu_memb_unregister_thread();
}

void pirn__rcu_read_lock(void)
{
    urcu_memb_read_lock();
}

void pirn__rcu_read_unlock(void)
{
#    if UNDER_TSAN
    __tsan_release(&grace_period);
#    endif
    urcu_memb_read_unlock();
}

void pirn__rcu_synchronize(void)
{
    urcu_memb_synchronize_rcu();
#    if UNDER_TSAN
    __tsan_acquire(&grace_period);
#    endif
}

#else

bool pirn__rcu_enter_thread(void)
{
    return false;
}

void pirn__rcu_leave_thread(bool registered_here)
{
    (void)registered_here;
}

void pirn__rcu_read_lock(void)
{
}

void pirn__rcu_read_unlock(void)
{
}

void pirn__rcu_synchronize(void)
{
}

#endif
