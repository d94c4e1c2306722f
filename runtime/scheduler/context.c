/* SPDX-License-Identifier: MIT */
/* The storage of the thread-local context. */
#include "runtime/scheduler/context.h"

_Thread_local struct context pirn__context;
