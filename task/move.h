/* SPDX-License-Identifier: MIT */
/* Moving a frame or an output: memmove in a file of its own, which a model checker replaces. */
#ifndef PIRN_TASK_MOVE_H
#define PIRN_TASK_MOVE_H

#include <stddef.h>

void pirn__move_bytes(void *to, const void *from, size_t n);

#endif
