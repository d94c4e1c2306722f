/* SPDX-License-Identifier: MIT */
/* Moving a frame or an output. */
#include "task/move.h"

#include <string.h>

void pirn__move_bytes(void *to, const void *from, size_t n)
{
    memcpy(to, from, n);
}
