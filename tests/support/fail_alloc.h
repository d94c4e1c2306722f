/* SPDX-License-Identifier: MIT */
/* An allocator that counts, and fails when it is told to. */
#ifndef PIRN_TESTS_SUPPORT_FAIL_ALLOC_H
#define PIRN_TESTS_SUPPORT_FAIL_ALLOC_H

#include <stdatomic.h>
#include <stddef.h>

#include <pirn/alloc.h>

/* Any thread may read the counters and allocate. `fail_at` is set while nobody allocates. */
struct fail_alloc {
    atomic_size_t calls;       /* of alloc, so far */
    atomic_size_t live_blocks; /* not freed */
    atomic_size_t live_bytes;
    size_t fail_at;   /* the call that fails, counted from 1; 0: none */
    size_t fail_from; /* this call and all after it fail; 0: none */
};

/* Everything zero, and *@a goes through @f. A block that comes back with another size than it was
 * taken with, or with its end overwritten, ends the process with a message. */
void fail_alloc_init(struct fail_alloc *f, pirn_alloc *a);

#endif
