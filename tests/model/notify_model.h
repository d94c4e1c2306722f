/* SPDX-License-Identifier: MIT */
/* A notify, and what is told with it. */
#ifndef PIRN_TESTS_MODEL_NOTIFY_MODEL_H
#define PIRN_TESTS_MODEL_NOTIFY_MODEL_H

#include "tests/model/sync_model.h"

#include "task/sync/notify.c"
#include "task/sync/wait_queue.c"

static pirn_notify *note;

static int listen_to(unsigned thread)
{
    struct waiting *w = &waiting[thread];

    w->result = pirn_notify_poll(&w->op, &w->cx, note);
    return w->result;
}

static void notify_reset(void)
{
    sync_reset();
    assert(pirn_notify_new(&note) == 0);
}

/* In check: takes the permit that is stored, if there is one. */
static int stored(void)
{
    return take_permit(&note->queue);
}

static void notify_check(void)
{
    assert(QUEUE_REFS(queue_peek(&note->queue)) == 1);
    pirn_notify_unref(note);
    sync_check();
}
#endif
