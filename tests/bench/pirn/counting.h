/* SPDX-License-Identifier: MIT */
/* counting.h: an allocator for a runtime that counts what it gives, its own overhead included. */
#ifndef BENCH_PIRN_COUNTING_H
#define BENCH_PIRN_COUNTING_H

#include <pirn/alloc.h>

extern const pirn_alloc counting;

/* Given and not taken back. Threads: any. */
size_t bytes_held(void);

#endif
