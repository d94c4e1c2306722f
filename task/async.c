/* SPDX-License-Identifier: MIT */
/* What pirn/async.h needs of the library: the report of a frame that cannot go on. */
#include <pirn/async.h>

#include <stdio.h>
#include <stdlib.h>

#include "task/base/compiler.h"

COLD void pirn_frame_lost(uint32_t at, const char *file, int line, const char *function)
{
    fprintf(stderr, "pirn: BUG IN CALLER OF PIRN_BEGIN(): %s() at %s:%d ", function, file, line);
    if (at >> PIRN_LINE_BITS == PIRN_FRAME_MARK >> PIRN_LINE_BITS)
        fprintf(stderr,
                "is to go on at line %u, which is no await of its own: it stands inside a switch "
                "there, or in another function\n",
                at - PIRN_FRAME_MARK);
    else
        fprintf(stderr, "got a frame that was not zeroed (it begins with 0x%08x)\n", at);
    abort();
}
