/* SPDX-License-Identifier: MIT */
/* What the faces of a runtime share. */
#ifndef PIRN_RUNTIME_RUNTIME_H
#define PIRN_RUNTIME_RUNTIME_H

#include "runtime/scheduler/rt_handle.h"

/* A pirn_runtime is its handle, seen by the one who owns it. */
static inline struct pirn_handle *runtime_handle(pirn_runtime *rt)
{
    return (struct pirn_handle *)(void *)rt;
}

/* Return: 0; -EPERM for a PIRN_RT_LOCAL runtime of another thread. */
int pirn__runtime_check_thread(const struct pirn_handle *h, const char *call);

/* @h, or the current one. Return: NULL, with the error text, if there is none. */
pirn_handle *pirn__runtime_resolve(pirn_handle *h, const char *call);

/* Of pirn_spawn_begin()'s frames: the cell, checked, else message naming @call; and where it runs. */
struct header *pirn__spawn_begun(void *frame, const char *call);
struct pirn_handle *pirn__spawn_runtime(struct header *cell);

#endif
