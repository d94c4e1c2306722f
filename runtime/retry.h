/* SPDX-License-Identifier: MIT */
/* Trying again after a while, where the kernel does not tell when: twice as long each time. */
#ifndef PIRN_RUNTIME_RETRY_H
#define PIRN_RUNTIME_RETRY_H

#include <stddef.h>

#include <pirn/runtime.h>
#include <pirn/time.h>

#include "task/base/compiler.h"

/* In a block of the runtime's memory, as it has an operation of its own; that one is listed in the same
 * task, later than the operation that keeps this. The first member of what is needed besides. */
struct retry {
    pirn_handle *h; /* a reference */
    size_t bytes;
    pirn_op sleep;
    pirn_time until;
    int64_t delay_ns;
};

/* @bytes: of the whole, at least that; waits from now on. Return: NULL: no memory. */
struct retry *pirn__retry_new(pirn_handle *h, size_t bytes);
void pirn__retry_free(struct retry *y);

/* Return: 0: try now; PIRN_PENDING; or there is no timer to wait for: PIRN_ENORUNTIME, PIRN_ESHUTDOWN. The
 * next call waits anew. */
MUST_USE int pirn__retry_poll(struct retry *y, pirn_cx *cx);

#endif
