/* SPDX-License-Identifier: MIT */
/* An operation that is awaited. */
#include "tests/support/await.h"

#include <string.h>

#include "task/state.h"

void await_init(struct await *a, int (*poll)(struct await *a, pirn_cx *cx), void *object, void *out)
{
    memset(a, 0, sizeof *a);
    a->poll = poll;
    a->object = object;
    a->out = out;
    a->n = 1;
    a->result = AWAIT_NOT_YET;
}

static int poll_await(void *frame, pirn_cx *cx, void *out)
{
    struct await *a = frame;

    (void)out;
    a->polls++;
    a->result = a->poll(a, cx);
    return a->result;
}

int await_poll(struct await *a)
{
    pirn_waker w = count_waker(&a->waker);

    return pirn_poll_with(&w, poll_await, a, NULL);
}

static int poll_await_task(void *frame, pirn_cx *cx, void *out)
{
    return poll_await(*(struct await **)frame, cx, out);
}

static const pirn_task_desc await_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "await",
    .poll = poll_await_task,
    .frame_size = sizeof(struct await *),
    .frame_align = _Alignof(struct await *),
};

struct header *await_spawn(struct fake_sched *f, struct await *a)
{
    return fake_spawn(f, &await_desc, &a, false);
}

void await_abort(struct fake_sched *f, struct header *h)
{
    if (pirn__state_cancel(&h->state))
        f->base.ops->schedule(&f->base, (struct notified){h});
}

bool await_is_clean(const struct await *a)
{
    return count_waker_live(&a->waker) == 1 && !pirn_op_is_pending(&a->op);
}
