/* SPDX-License-Identifier: MIT */
/* Moving a frame or an output. */
#include "task/move.h"

#include <stdint.h>
#include <string.h>

void pirn__move_bytes(void *to, const void *from, size_t n)
{
    /* An output may lie behind the frame it replaces: the places may overlap. Most are a word or two, for which the call costs more than the copy. */
    if (n == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t));
    else if (n == 2 * sizeof(uint64_t))
        memmove(to, from, 2 * sizeof(uint64_t));
    else
        memmove(to, from, n);
}
