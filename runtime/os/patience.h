/* SPDX-License-Identifier: MIT */
/* Looking around for a moment before going to sleep, where sleeps have lately been short. */
#ifndef PIRN_RUNTIME_OS_PATIENCE_H
#define PIRN_RUNTIME_OS_PATIENCE_H

#include <stdbool.h>

#include <pirn/task.h>

/* Of one place where one thread waits; zeroed: it begins with a look. */
struct patience {
    pirn_time began; /* the wait */
    int64_t last;    /* how long the one before took, ns */
};

/* Before a sleep. Return: whether done(arg), within some 20 us; false at once if the last wait was a
 * long one. Other threads that wait for this CPU go first. */
bool pirn__patience_look(struct patience *p, bool (*done)(void *arg), void *arg);

/* After a sleep that followed. */
void pirn__patience_slept(struct patience *p);

#endif
