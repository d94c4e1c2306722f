/* SPDX-License-Identifier: MIT */
/* Where this thread is: the runtime it is in, and the core it drives. */
#ifndef PIRN_RUNTIME_SCHEDULER_CONTEXT_H
#define PIRN_RUNTIME_SCHEDULER_CONTEXT_H

#include <pirn/runtime.h>

#include "task/base/scope.h"

struct core;

struct context {
    struct core *core;          /* what this thread drives; NULL: nothing */
    struct pirn_local_set *set; /* the local set being polled; NULL: none */
};

/* Only runtime/scheduler/ and the faces in runtime/ read it. */
extern _Thread_local struct context pirn__context;

/* The current runtime; NULL: none. */
static inline struct pirn_handle *context_handle(void)
{
    return pirn__scope.runtime;
}

#endif
