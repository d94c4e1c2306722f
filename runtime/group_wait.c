/* SPDX-License-Identifier: MIT */
/* Awaiting a group: its next result, or that no child is alive. */
#include <errno.h>

#include "runtime/group.h"
#include "task/base/error.h"
#include "task/cx.h"

static void unwait(void *state)
{
    pirn__group_unwait(state);
}

static const pirn_op_kind next_kind = {sizeof(pirn_op_kind), "group next", unwait};
static const pirn_op_kind join_kind = {sizeof(pirn_op_kind), "group join", unwait};

_Static_assert(sizeof(struct group_wait) <= PIRN_OP_STATE, "it fits an operation");

/* A pending operation's group is the one it began with. */
static int await_next(pirn_op *op, pirn_cx *cx, struct group *g, struct group_node **n)
{
    struct group_wait *w = pirn_op_state(op, cx, &next_kind);
    int r = pirn__group_wait(w->group != NULL ? w->group : g, w, cx, GROUP_NEXT, n);

    if (r != PIRN_PENDING)
        pirn_op_done(op);
    return r;
}

static int await_all(pirn_op *op, pirn_cx *cx, struct group *g, pirn_result *first)
{
    struct group_wait *w = pirn_op_state(op, cx, &join_kind);
    int r;

    if (w->group != NULL)
        g = w->group;
    pirn__group_ref(g); /* the wait gives its own up */
    r = pirn__group_wait(g, w, cx, GROUP_ALL, NULL);
    if (r != PIRN_PENDING)
        pirn_op_done(op);
    if (r == 0 && first != NULL)
        pirn__group_first(g, first);
    pirn__group_unref(g);
    return r;
}

int pirn_group_next_poll(pirn_op *op, pirn_cx *cx, pirn_group *g, pirn_result *res, void *out)
{
    struct group_node *n = NULL;
    int r = -EAGAIN;

    if (UNLIKELY(g == NULL))
        return pirn__error(-EINVAL, "pirn_group_next_poll: the group is NULL");
    if (UNLIKELY(!cx_take_unit(cx))) {
        if (!pirn_op_is_pending(op))
            pirn__group_wait_late(&g->base, pirn_op_state(op, cx, &next_kind), cx);
        return PIRN_PENDING;
    }
    if (!pirn_op_is_pending(op))
        r = pirn__group_take(&g->base, &n);
    if (r == -EAGAIN) {
        r = await_next(op, cx, &g->base, &n);
        if (r == PIRN_PENDING)
            cx_return_unit(cx);
    }
    if (r == 0)
        pirn__group_deliver(n, res, out);
    return r;
}

int pirn_group_next_try(pirn_group *g, pirn_result *res, void *out)
{
    struct group_node *n = NULL;
    int r;

    if (g == NULL)
        return pirn__error(-EINVAL, "pirn_group_next_try: the group is NULL");
    r = pirn__group_take(&g->base, &n);
    if (r == 0)
        pirn__group_deliver(n, res, out);
    return r;
}

int pirn_group_join_poll(pirn_op *op, pirn_cx *cx, pirn_group *g, pirn_result *first)
{
    bool lent;
    int r;

    if (UNLIKELY(g == NULL))
        return pirn__error(-EINVAL, "pirn_group_join_poll: the group is NULL");
    if (!cx_take_or_lend(cx, pirn_op_is_pending(op), &lent))
        return PIRN_PENDING;
    r = await_all(op, cx, &g->base, first);
    if (r == PIRN_PENDING)
        cx_return_unless(cx, lent);
    return r;
}

/* ---- on plain threads ------------------------------------------------------------------------------ */

struct group_waiting {
    pirn_op op;
    pirn_group *group;
    pirn_result *res;
};

static int poll_next(void *frame, pirn_cx *cx, void *out)
{
    struct group_waiting *f = frame;

    return pirn_group_next_poll(&f->op, cx, f->group, f->res, out);
}

static int poll_join(void *frame, pirn_cx *cx, void *out)
{
    struct group_waiting *f = frame;

    (void)out;
    return pirn_group_join_poll(&f->op, cx, f->group, f->res);
}

int pirn_group_next_wait(pirn_group *g, pirn_time deadline, pirn_result *res, void *out)
{
    struct group_waiting f = {.group = g, .res = res};
    int r = pirn_poll_wait(poll_next, &f, deadline, out);

    pirn_op_drop(&f.op);
    return r;
}

int pirn_group_join_wait(pirn_group *g, pirn_time deadline, pirn_result *first)
{
    struct group_waiting f = {.group = g, .res = first};
    int r = pirn_poll_wait(poll_join, &f, deadline, NULL);

    pirn_op_drop(&f.op);
    return r;
}
