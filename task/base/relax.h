/* SPDX-License-Identifier: MIT */
/* Waiting a moment for another thread, in a loop that will not last. */
#ifndef PIRN_TASK_BASE_RELAX_H
#define PIRN_TASK_BASE_RELAX_H

#if defined(PIRN_MODEL)
static inline void cpu_relax(unsigned tries)
{
    (void)tries;
}

static inline void cpu_give(void)
{
}
#else
#    include <sched.h>

/* @tries: how often the caller has waited in this loop before. */
static inline void cpu_relax(unsigned tries)
{
    if (tries >= 200) {
        (void)sched_yield();
        return;
    }
#    if defined(__x86_64__)
    __builtin_ia32_pause();
#    elif defined(__aarch64__)
    __asm__ volatile("yield");
#    endif
}

/* Lets a thread run that waits for this CPU; returns at once if there is none. */
static inline void cpu_give(void)
{
    (void)sched_yield();
}
#endif

#endif
