/* SPDX-License-Identifier: MIT */
/* pirn/alloc.h: where a runtime takes its memory from. */
#ifndef PIRN_ALLOC_H
#define PIRN_ALLOC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct pirn_alloc - a caller's allocator, given to a runtime through its options
 * @size:  sizeof(pirn_alloc)
 * @alloc: returns @n bytes at a multiple of @align (a power of two, up to 32,768: task cells are
 *         taken by the slab), or NULL
 * @free:  takes back what @alloc returned, with the same @n; never called with NULL
 * @user:  handed to both
 *
 * Threads: both functions may be called from any thread that spawns, or that gives up a handle or
 * a waker, several at once. They may not call pirn.
 * Ownership: the struct is copied by pirn_runtime_new(); what @user points to is borrowed until the
 * last join handle, abort handle, waker and runtime handle of that runtime is gone.
 */
typedef struct pirn_alloc {
    size_t size;
    void *(*alloc)(void *user, size_t n, size_t align);
    void (*free)(void *user, void *p, size_t n);
    void *user;
} pirn_alloc;

#ifdef __cplusplus
}
#endif
#endif
