/* SPDX-License-Identifier: MIT */
/* Trying again after a while. */
#include "runtime/retry.h"

#include "runtime/runtime.h"
#include "task/base/assert.h"

#define RETRY_FIRST PIRN_MS
#define RETRY_LAST  (100 * PIRN_MS)

struct retry *pirn__retry_new(pirn_handle *h, size_t bytes)
{
    struct retry *y = h->sched.alloc.alloc(h->sched.alloc.user, bytes, _Alignof(max_align_t));

    ASSERT(bytes >= sizeof *y);
    if (y == NULL)
        return NULL;
    y->h = pirn_handle_ref(h);
    y->bytes = bytes;
    y->sleep = (pirn_op){0};
    y->delay_ns = RETRY_FIRST;
    y->until = pirn_after(RETRY_FIRST);
    return y;
}

void pirn__retry_free(struct retry *y)
{
    pirn_handle *h = y->h;

    pirn_op_drop(&y->sleep);
    h->sched.alloc.free(h->sched.alloc.user, y, y->bytes);
    pirn_handle_unref(h);
}

int pirn__retry_poll(struct retry *y, pirn_cx *cx)
{
    int r = pirn_sleep_poll(&y->sleep, cx, y->until);

    if (r != 0)
        return r;
    y->delay_ns = y->delay_ns < RETRY_LAST / 2 ? y->delay_ns * 2 : RETRY_LAST;
    y->until = pirn_after(y->delay_ns);
    return 0;
}
