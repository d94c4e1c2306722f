/* SPDX-License-Identifier: MIT */
/* A small tree of tokens: root, middle, leaf. */
#ifndef PIRN_TESTS_MODEL_CANCEL_MODEL_H
#define PIRN_TESTS_MODEL_CANCEL_MODEL_H

#include "tests/model/sync_model.h"

#include "task/sync/cancel_token.c"
#include "task/sync/wait_queue.c"

static pirn_cancel_token *root, *middle, *leaf;

static void tree_reset(void)
{
    sync_reset();
    assert(pirn_cancel_token_new(NULL, &root) == 0);
    assert(pirn_cancel_token_new(root, &middle) == 0);
}

static int hear(unsigned thread, pirn_cancel_token *t)
{
    struct waiting *w = &waiting[thread];

    w->result = pirn_cancel_token_poll(&w->op, &w->cx, t);
    return w->result;
}
#endif
