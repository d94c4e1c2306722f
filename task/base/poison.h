/* SPDX-License-Identifier: MIT */
/* Telling AddressSanitizer and valgrind which bytes nobody may touch: a cache of free memory would
 * blind them. For valgrind in builds with -Dslow_asserts=true, where its header is installed. */
#ifndef PIRN_TASK_BASE_POISON_H
#define PIRN_TASK_BASE_POISON_H

#include "task/base/compiler.h"

#if defined(PIRN_SLOW_ASSERTS) && PIRN_SLOW_ASSERTS && defined(__has_include)
#    if __has_include(<valgrind/memcheck.h>)
#        define POISON_FOR_VALGRIND 1
#    endif
#endif

#if UNDER_ASAN
#    include <sanitizer/asan_interface.h>
#    define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#    define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#elif defined(POISON_FOR_VALGRIND)
#    include <valgrind/memcheck.h>
#    define POISON(p, n)   ((void)VALGRIND_MAKE_MEM_NOACCESS(p, n))
#    define UNPOISON(p, n) ((void)VALGRIND_MAKE_MEM_DEFINED(p, n))
#else
#    define POISON(p, n)   ((void)(p), (void)(n))
#    define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#endif
