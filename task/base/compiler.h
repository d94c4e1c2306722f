/* SPDX-License-Identifier: MIT */
/* What C11 lacks: attributes, container_of, which sanitizer this is. */
#ifndef PIRN_TASK_BASE_COMPILER_H
#define PIRN_TASK_BASE_COMPILER_H

#include <stddef.h>

#define MUST_USE    __attribute__((warn_unused_result))
#define NOINLINE    __attribute__((noinline))
#define INLINE      __attribute__((always_inline)) inline /* where gcc would weigh it, and err */
#define COLD        __attribute__((cold, noinline))
#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define PREFETCH(p) __builtin_prefetch(p)

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define CACHE_LINE 64

#if defined(__SANITIZE_THREAD__)
#    define UNDER_TSAN 1
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define UNDER_TSAN 1
#    endif
#endif
#ifndef UNDER_TSAN
#    define UNDER_TSAN 0
#endif

#if defined(__SANITIZE_ADDRESS__)
#    define UNDER_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define UNDER_ASAN 1
#    endif
#endif
#ifndef UNDER_ASAN
#    define UNDER_ASAN 0
#endif

#endif
