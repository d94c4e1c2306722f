/* SPDX-License-Identifier: MIT */
/* The elements of channels: moving their bytes, and dropping those that nobody takes. */
#ifndef PIRN_TASK_SYNC_ELEM_H
#define PIRN_TASK_SYNC_ELEM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "task/base/compiler.h"
#include "task/fault.h"
#include "task/move.h"

/* From or to the caller's memory, which has the alignment of the caller's type. */
static inline void elem_move(void *to, const void *from, size_t n)
{
#if defined(PIRN_MODEL) /* a checker takes no memcpy on the heap */
    pirn__move_bytes(to, from, n);
#else
    if (LIKELY(n == sizeof(uint64_t)))
        memcpy(to, from, sizeof(uint64_t));
    else if (n != 0)
        memcpy(to, from, n);
#endif
}

/* The caller's code, so with no lock held; its fault ends it and nothing else. @drop may be NULL. */
static inline void elem_discard(void (*drop)(void *elem), void *elem)
{
    if (drop != NULL)
        (void)pirn__contain(drop, elem);
}

#endif
