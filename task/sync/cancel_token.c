/* SPDX-License-Identifier: MIT */
/* pirn_cancel_token: a word that says stop, to a whole tree of them.
 *
 * The queue's value: 1 is cancelled, for good. Each token stands in a ring with its siblings: under its
 * parent; or, while somebody cancels, in the ring of those whose turn comes; or alone. A token whose
 * handles go puts its children in its own place in that ring, whichever it is: so nobody needs to know
 * a parent, and what is above goes on reaching what is below.
 *
 * All rings of a tree are guarded by one lock, which lies in the token the tree began with; each token
 * keeps a reference on that one until its handles go. Order: the tree's lock, then a queue's. */
#include <errno.h>
#include <stdlib.h>

#include <pirn/cancel.h>

#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/base/spin.h"
#include "task/cx.h"
#include "task/op.h"
#include "task/sync/wait_queue.h"

struct pirn_cancel_token {
    struct wait_queue queue;   /* first */
    pirn_cancel_token *root;   /* immutable; referenced, unless it is this one */
    struct spin tree;          /* used in a root */
    struct wait_link sibling;  /* guard: root->tree */
    struct wait_link children; /* guard: root->tree */
};

static pirn_cancel_token *token_of(struct wait_link *sibling)
{
    return container_of(sibling, struct pirn_cancel_token, sibling);
}

static bool is_cancelled(const struct wait_queue *q)
{
    return QUEUE_VALUE(queue_peek(q)) != 0;
}

/* ---- the tree ---------------------------------------------------------------------------------------- */

/* Under @parent, unless that is cancelled: then @t is too, and alone. */
static void join_tree(pirn_cancel_token *t, pirn_cancel_token *parent)
{
    struct wait_queue *root = &parent->root->queue;
    bool cancelled;
    uint64_t word;

    spin_take(&parent->root->tree);
    cancelled = is_cancelled(&parent->queue);
    if (!cancelled) {
        do
            word = queue_settled(root);
        while (!queue_change(root, &word, queue_with_ref(word)));
        t->root = parent->root;
        link_put_before(&t->sibling, &parent->children);
    }
    spin_give(&parent->root->tree);
    if (cancelled)
        pirn__wait_queue_init(&t->queue, 1);
}

int pirn_cancel_token_new(pirn_cancel_token *parent, pirn_cancel_token **out)
{
    pirn_cancel_token *t;

    if (out == NULL)
        return pirn__error(-EINVAL, "pirn_cancel_token_new: out is NULL");
    t = malloc(sizeof *t);
    if (t == NULL)
        return pirn__error(-ENOMEM, "pirn_cancel_token_new: no memory");
    pirn__wait_queue_init(&t->queue, 0);
    t->root = t;
    spin_init(&t->tree);
    link_init(&t->sibling);
    link_init(&t->children);
    if (parent != NULL)
        join_tree(t, parent);
    *out = t;
    return 0;
}

pirn_cancel_token *pirn_cancel_token_ref(pirn_cancel_token *t)
{
    if (t != NULL)
        ref_add(&t->queue.handles, 1);
    return t;
}

void pirn_cancel_token_unref(pirn_cancel_token *t)
{
    pirn_cancel_token *root;

    if (t == NULL || !queue_handle_sub(&t->queue))
        return;
    root = t->root;
    spin_take(&root->tree);
    link_move_all(&t->children, &t->sibling);
    link_take(&t->sibling);
    spin_give(&root->tree);
    /* Whoever cancels it may have come half-way. */
    if (is_cancelled(&t->queue))
        pirn__wait_queue_resolve_all(&t->queue, queue_lock(&t->queue), WAITER_DONE);
    pirn__wait_queue_end(&t->queue);
    if (root != t)
        queue_unref(&root->queue);
}

/* ---- cancelling ---------------------------------------------------------------------------------------- */

/* Of the first in @turn: marks it, lets its children queue up, and resolves who waits, while *@wakes has
 * room. Nobody begins to wait any more once it is marked. Return: it is finished. */
static bool cancel_first(struct wait_link *turn, struct wake_list *wakes)
{
    pirn_cancel_token *t = token_of(turn->next);
    struct wait_queue *q = &t->queue;
    uint64_t word = queue_lock(q);
    unsigned n = 0;
    bool rest;

    if (QUEUE_VALUE(word) == 0)
        word += QUEUE_ONE(1);
    link_move_all(&t->children, turn);
    while (!link_is_alone(&q->list) && wake_list_has_room(wakes) && n++ < QUEUE_BATCH)
        pirn__waiter_resolve(waiter_of(q->list.next), WAITER_DONE, wakes);
    rest = !link_is_alone(&q->list);
    queue_unlock(q, word);
    if (!rest)
        link_take(&t->sibling);
    return !rest;
}

void pirn_cancel_token_cancel(pirn_cancel_token *t)
{
    struct wait_link turn;
    struct wake_list wakes;
    unsigned n = 0;

    if (t == NULL || is_cancelled(&t->queue))
        return;
    link_init(&turn);
    wake_list_init(&wakes);
    spin_take(&t->root->tree);
    if (!is_cancelled(&t->queue)) {
        link_take(&t->sibling);
        link_put_before(&t->sibling, &turn);
    }
    while (!link_is_alone(&turn)) {
        if (cancel_first(&turn, &wakes) && ++n < QUEUE_BATCH)
            continue;
        spin_give(&t->root->tree);
        pirn__wake_flush(&wakes);
        n = 0;
        spin_take(&t->root->tree);
    }
    spin_give(&t->root->tree);
    pirn__wake_flush(&wakes);
}

bool pirn_cancel_token_is_cancelled(const pirn_cancel_token *t)
{
    if (t == NULL)
        CLIENT_BUG("pirn_cancel_token_is_cancelled", "the token is NULL");
    return is_cancelled(&t->queue);
}

/* ---- waiting ----------------------------------------------------------------------------------------- */

static const pirn_op_kind cancelled_kind = {sizeof(pirn_op_kind), "pirn_cancel_token_poll",
                                            pirn__waiter_drop};

/* Return: false: it is cancelled. */
static bool wait_for_cancel(struct wait_queue *q, struct waiter *w, pirn_cx *cx)
{
    uint64_t word;
    bool waits;

    waiter_make_waker(w, cx);
    word = queue_lock(q);
    waits = QUEUE_VALUE(word) == 0;
    if (waits)
        waiter_enlist(q, &word, w, 0);
    queue_unlock(q, word);
    if (!waits)
        pirn__op_waker_drop(&w->waker);
    return waits;
}

int pirn_cancel_token_poll(pirn_op *op, pirn_cx *cx, pirn_cancel_token *t)
{
    bool idle = !pirn_op_is_pending(op);
    enum waiter_state s;
    struct waiter *w;
    bool lent;

    if (idle && t == NULL)
        return pirn__error(-EINVAL, "pirn_cancel_token_poll: the token is NULL");
    if (!cx_take_or_lend(cx, !idle, &lent))
        return PIRN_PENDING;
    if (idle && is_cancelled(&t->queue))
        return 0;
    w = idle ? waiter_begin(op, cx, &cancelled_kind) : op_resume(op, cx, &cancelled_kind);
    if (idle && !wait_for_cancel(&t->queue, w, cx)) {
        op_end(op);
        return 0;
    }
    s = idle ? WAITER_WAITING : waiter_poll(w, cx);
    if (s != WAITER_WAITING)
        return waiter_finish(op, w, s);
    cx_return_unless(cx, lent);
    return PIRN_PENDING;
}

/* ---- the guard ----------------------------------------------------------------------------------------- */

struct token_guard {
    pirn_cancel_token *token; /* a handle */
};

static void guard_drop(void *state)
{
    struct token_guard *g = state;

    pirn_cancel_token_cancel(g->token);
    pirn_cancel_token_unref(g->token);
}

static const pirn_op_kind guard_kind = {sizeof(pirn_op_kind), "pirn_cancel_token_guard",
                                        guard_drop};

void pirn_cancel_token_guard(pirn_op *op, pirn_cx *cx, pirn_cancel_token *t)
{
    struct token_guard *g;

    if (t == NULL)
        CLIENT_BUG("pirn_cancel_token_guard", "the token is NULL");
    g = pirn_op_state(op, cx, &guard_kind);
    /* The first call's arguments count. */
    if (g->token == NULL)
        g->token = pirn_cancel_token_ref(t);
}

void pirn_cancel_token_disarm(pirn_op *op)
{
    const struct token_guard *g;

    if (!pirn_op_is_pending(op))
        return;
    if (op->kind != &guard_kind)
        CLIENT_BUG("pirn_cancel_token_disarm", "the op is pending in a call of another kind");
    g = op_state_of(op);
    pirn_op_done(op);
    pirn_cancel_token_unref(g->token);
}
