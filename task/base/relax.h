/* SPDX-License-Identifier: MIT */
/* Waiting a moment for another thread, in a loop that will not last. */
#ifndef PIRN_TASK_BASE_RELAX_H
#define PIRN_TASK_BASE_RELAX_H

#if defined(PIRN_MODEL)
static inline void cpu_relax(unsigned tries)
{
    (void)tries;
}

static inline void cpu_back_off(unsigned tries)
{
    (void)tries;
}

static inline void cpu_give(void)
{
}
#else
#    include <sched.h>

enum {
    BACK_OFF_MAX = 5, /* 2^this pauses, a microsecond or so */
};

static inline void cpu_pause(void)
{
#    if defined(__x86_64__)
    __builtin_ia32_pause();
#    elif defined(__aarch64__)
    __asm__ volatile("yield");
#    endif
}

/* @tries: how often the caller has waited in this loop before. */
static inline void cpu_relax(unsigned tries)
{
    if (tries >= 200)
        (void)sched_yield();
    else
        cpu_pause();
}

/* The same, longer each time. */
static inline void cpu_back_off(unsigned tries)
{
    if (tries >= 32)
        (void)sched_yield();
    else
        for (unsigned n = 1u << (tries < BACK_OFF_MAX ? tries : BACK_OFF_MAX); n != 0; n--)
            cpu_pause();
}

/* Lets a thread run that waits for this CPU; returns at once if there is none. */
static inline void cpu_give(void)
{
    (void)sched_yield();
}
#endif

#endif
