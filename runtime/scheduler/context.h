/* SPDX-License-Identifier: MIT */
/* Where this thread is: the runtime it is in, and the core it drives. */
#ifndef PIRN_RUNTIME_SCHEDULER_CONTEXT_H
#define PIRN_RUNTIME_SCHEDULER_CONTEXT_H

#include <pirn/runtime.h>

struct core;
struct guard;

struct context {
    struct pirn_handle *handle;   /* current runtime; NULL: none */
    struct core *core;            /* what this thread drives; NULL: nothing */
    struct pirn_local_set *set;   /* the local set being polled; NULL: none */
    struct guard *guards;         /* pirn_handle_enter(), innermost first */
};

/* Only runtime/scheduler/ and the faces in runtime/ read it. */
extern _Thread_local struct context pirn__context;

#endif
