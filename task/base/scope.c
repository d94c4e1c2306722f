/* SPDX-License-Identifier: MIT */
/* The storage of the thread-local scope. */
#include "task/base/scope.h"

_Thread_local struct scope pirn__scope;
