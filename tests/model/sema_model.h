/* SPDX-License-Identifier: MIT */
/* A semaphore, and what its holders do: something plain, so that two at once are a race. */
#ifndef PIRN_TESTS_MODEL_SEMA_MODEL_H
#define PIRN_TESTS_MODEL_SEMA_MODEL_H

#include "tests/model/sync_model.h"

#include "task/sync/sema.c"
#include "task/sync/semaphore.c"
#include "task/sync/wait_queue.c"

static pirn_semaphore *sema;
static pirn_permit permits[MODEL_MAIN + 1]; /* each thread's */
static int held;                            /* guard: the permits; plain */

static void sema_reset(uint32_t free_permits)
{
    sync_reset();
    held = 0;
    for (unsigned i = 0; i <= MODEL_MAIN; i++)
        permits[i].semaphore = NULL;
    assert(pirn_semaphore_new(free_permits, &sema) == 0);
}

static int ask(unsigned thread, uint32_t n)
{
    struct waiting *w = &waiting[thread];

    w->result = pirn_semaphore_acquire_poll(&w->op, &w->cx, sema, n, &permits[thread]);
    return w->result;
}

static void give_back(unsigned thread)
{
    held++;
    pirn_permit_release(&permits[thread]);
}

/* In check: it has got its permits by now, or will with the next poll. */
static void must_get(unsigned thread, uint32_t n)
{
    if (waiting[thread].result == PIRN_PENDING) {
        assert(is_woken(&waiting[thread]));
        assert(ask(thread, n) == 0);
        give_back(thread);
    }
}

/* In check, at last: so many are free, and nobody refers to it any more. */
static void sema_check(uint32_t free_permits)
{
    assert(pirn_semaphore_available(sema) == free_permits);
    assert(QUEUE_REFS(queue_peek(&sema->queue)) == 1);
    assert(!(queue_peek(&sema->queue) & (QUEUE_LOCKED | QUEUE_WAITERS)));
    pirn_semaphore_unref(sema);
    sync_check();
}
#endif
