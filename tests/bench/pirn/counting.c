/* SPDX-License-Identifier: MIT */
/* counting.c: how many bytes does a runtime hold from its allocator? */
#include "counting.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "../harness.h"

/* mo: relaxed throughout. A count; whoever reads it has waited for the runtime to rest. */
static atomic_size_t held;

size_t bytes_held(void)
{
    return atomic_load_explicit(&held, memory_order_relaxed);
}

static void *counted_alloc(void *user, size_t n, size_t align)
{
    void *p = align <= alignof(max_align_t) ? malloc(n) : aligned_alloc(align, n);

    (void)user;
    if (p) {
        atomic_fetch_add_explicit(&held, bench_block_bytes(p), memory_order_relaxed);
    }
    return p;
}

static void counted_free(void *user, void *p, size_t n)
{
    (void)user;
    (void)n;
    atomic_fetch_sub_explicit(&held, bench_block_bytes(p), memory_order_relaxed);
    free(p);
}

const pirn_alloc counting = {
    .size = sizeof(pirn_alloc),
    .alloc = counted_alloc,
    .free = counted_free,
};
