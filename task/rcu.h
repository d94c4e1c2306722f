/* SPDX-License-Identifier: MIT */
/* The one place through which pirn reaches liburcu: read sections and grace periods of walkers.
 *
 * Only walkers come here, on the thread that dumps; those who link and unlink never do. The read
 * side is called, not inlined: 6 ns a section of up to a thousand cells, and nothing of liburcu's
 * headers in ours. Under ThreadSanitizer the edges that a grace period makes inside the library,
 * which is not instrumented, are declared. */
#ifndef PIRN_TASK_RCU_H
#define PIRN_TASK_RCU_H

#include <stdbool.h>

/* Registers this thread with the memb flavour unless it is registered already.
 * Return: whether pirn__rcu_leave_thread() must undo it. */
bool pirn__rcu_enter_thread(void);
void pirn__rcu_leave_thread(bool registered_here);

void pirn__rcu_read_lock(void);
void pirn__rcu_read_unlock(void);

/* Waits until every read section that had begun has ended. Outside of one, holding no gate. */
void pirn__rcu_synchronize(void);

#endif
