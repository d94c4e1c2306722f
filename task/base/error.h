/* SPDX-License-Identifier: MIT */
/* Leaving the text of an error for pirn_last_error_text(). */
#ifndef PIRN_TASK_BASE_ERROR_H
#define PIRN_TASK_BASE_ERROR_H

#include "task/base/compiler.h"

/* Formats this thread's error text and returns @err, for `return pirn__error(-EINVAL, "…");`. */
COLD int pirn__error(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
