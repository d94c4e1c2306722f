/* SPDX-License-Identifier: MIT */
/* A caller's thread inside a runtime: what that overwrites, and how the stay ends. */
#ifndef PIRN_RUNTIME_SCHEDULER_ENTRY_H
#define PIRN_RUNTIME_SCHEDULER_ENTRY_H

#include <stdint.h>

#include "runtime/scheduler/context.h"
#include "task/base/assert.h"

struct recovery;

/* What entering a runtime overwrites on this thread. */
struct entry {
    struct context context;
    struct pirn_cx *cx;
    struct recovery *recovery;
    uint64_t task_id;
    unsigned busy;
    void *runtime, *guards;
    struct pirn_cx *blocking;
    const struct sched *here;
};

/* The thread is in @h, driving nothing of it. */
void pirn__entry_begin(struct entry *e, struct pirn_handle *h);
void pirn__entry_end(const struct entry *e);

/* After a poll: one that was left inside its guard would leave every later one there. */
static inline void entry_check_guards(void)
{
    if (UNLIKELY(pirn__scope.guards != NULL))
        CLIENT_BUG("pirn_handle_enter", "a poll returned without pirn_enter_exit()");
}

#endif
