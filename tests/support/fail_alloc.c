/* SPDX-License-Identifier: MIT */
/* An allocator that counts, and fails when it is told to. */
#include "tests/support/fail_alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Behind each block: its size, so that a wrong one at free is noticed. */
#define SEAL(n) ((uint64_t)(n) ^ UINT64_C(0x9e3779b97f4a7c15))

static void *counted_alloc(void *user, size_t n, size_t align)
{
    struct fail_alloc *f = user;
    size_t call = atomic_fetch_add(&f->calls, 1) + 1;
    uint64_t seal = SEAL(n);
    char *p;

    if (call == f->fail_at || (f->fail_from != 0 && call >= f->fail_from))
        return NULL;
    p = aligned_alloc(align, (n + sizeof seal + align - 1) & ~(align - 1));
    if (p == NULL)
        return NULL;
    memcpy(p + n, &seal, sizeof seal);
    (void)atomic_fetch_add(&f->live_blocks, 1);
    (void)atomic_fetch_add(&f->live_bytes, n);
    return p;
}

static void counted_free(void *user, void *p, size_t n)
{
    struct fail_alloc *f = user;
    uint64_t seal;

    memcpy(&seal, (char *)p + n, sizeof seal);
    if (seal != SEAL(n)) {
        fprintf(stderr, "fail_alloc: freed with size %zu, which is not the block's\n", n);
        abort();
    }
    (void)atomic_fetch_sub(&f->live_blocks, 1);
    (void)atomic_fetch_sub(&f->live_bytes, n);
    free(p);
}

void fail_alloc_init(struct fail_alloc *f, pirn_alloc *a)
{
    memset(f, 0, sizeof *f);
    a->size = sizeof *a;
    a->alloc = counted_alloc;
    a->free = counted_free;
    a->user = f;
}
