/* SPDX-License-Identifier: MIT */
/* Where this thread is: the runtime it is in, and what it drives of it. */
#ifndef PIRN_RUNTIME_SCHEDULER_CONTEXT_H
#define PIRN_RUNTIME_SCHEDULER_CONTEXT_H

#include <pirn/runtime.h>

#include "task/base/scope.h"

struct core;
struct runner;
struct spawner;

struct context {
    struct spawner *spawner;    /* of what this thread drives, on either flavour; NULL: nothing */
    struct core *core;          /* of a current-thread runtime; NULL: none */
    struct runner *runner;      /* of a multi-thread runtime: this thread is or was its worker */
    struct pirn_local_set *set; /* the local set being polled; NULL: none */
};

/* Only runtime/scheduler/, runtime/blocking/ and the faces in runtime/ read it. */
extern _Thread_local struct context pirn__context;

/* The current runtime; NULL: none. */
static inline struct pirn_handle *context_handle(void)
{
    return pirn__scope.runtime;
}

#endif
