/* SPDX-License-Identifier: MIT */
/* Moving a frame or an output. */
#include "task/move.h"

#include <stdint.h>
#include <string.h>

void pirn__move_bytes(void *to, const void *from, size_t n)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    uint64_t word;

    /* Most are a few words, for which the call costs more than the copy. */
    if (n > 64) {
        memcpy(to, from, n);
        return;
    }
    for (; n >= sizeof word; n -= sizeof word, t += sizeof word, f += sizeof word) {
        memcpy(&word, f, sizeof word);
        memcpy(t, &word, sizeof word);
    }
    for (; n > 0; n--)
        *t++ = *f++;
}
