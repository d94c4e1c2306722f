/* SPDX-License-Identifier: MIT */
/* Telling AddressSanitizer which bytes nobody may touch: a cache of free memory would blind it. */
#ifndef PIRN_TASK_BASE_POISON_H
#define PIRN_TASK_BASE_POISON_H

#include "task/base/compiler.h"

#if UNDER_ASAN
#    include <sanitizer/asan_interface.h>
#    define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#    define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#    define POISON(p, n)   ((void)(p), (void)(n))
#    define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#endif
