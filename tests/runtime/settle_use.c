/* SPDX-License-Identifier: MIT */
/* Owners of groups whose children look at their owner's frame, for tests of settling. */
#include "settle_use.h"

static int child_poll(void *frame, pirn_cx *cx, void *out)
{
    struct child *c = frame;
    int ignored;

    (void)out;
    if (*c->word != ALIVE)
        ++*c->seen_gone;
    return gate_poll(c->gate, cx, &ignored);
}

static void child_drop(void *frame)
{
    struct child *c = frame;

    if (c->slow)
        nap(2 * PIRN_MS);
    ++*(*c->word == ALIVE ? c->seen_alive : c->seen_gone);
    gate_drop(c->gate);
}

const pirn_task_desc child_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "child",
    .poll = child_poll,
    .drop = child_drop,
    .frame_size = sizeof(struct child),
};

static void count_deferred(void *notes)
{
    struct notes *n = notes;

    EQ(n->alive, CHILDREN); /* children first */
    n->deferred++;
}

static int owner_poll(void *frame, pirn_cx *cx, void *out)
{
    struct owner *o = frame;
    struct notes *n = o->notes;
    int r;

    o->word = ALIVE;
    if (o->groups[0] == NULL) {
        for (int i = 0; i < GROUPS; i++)
            EQ(pirn_group_new(n->elsewhere, i == 2 ? o->groups[1] : NULL, PIRN_NEVER,
                              i == 1 ? PIRN_GROUP_DISCARD : 0, &o->groups[i]),
               0);
        pirn_defer(&o->defer, cx, count_deferred, n);
        for (int i = 0; i < CHILDREN; i++) {
            struct child c = {&o->word, &n->gates[i], &n->alive, &n->gone, n->slow};

            EQ(pirn_group_spawn(o->groups[i % GROUPS], n->child, &c, NULL), 0);
        }
        n->started++;
        r = pirn_group_next_poll(&o->op, cx, o->groups[0], NULL, NULL);
        if (r == 0 && n->how == HOW_PEND) /* a shutdown has ended a child already */
            return pirn_pending_poll(cx);
        EQ(r, PIRN_PENDING);
        return r;
    }
    if (n->how == HOW_PEND)
        return pirn_pending_poll(cx);
    if (n->free_early)
        for (int i = 0; i < GROUPS; i++)
            pirn_group_free(o->groups[i]);
    if (out != NULL)
        memset(out, 0x5a, OUT);
    switch (n->how) {
    case HOW_ERROR:
        return -EIO;
    case HOW_FAULT:
        pirn_fault(41, "gone wrong");
    case HOW_CX_FAULT:
        return pirn_cx_fault(cx, 42, "gone wrong");
    default:
        return 0;
    }
}

static void owner_drop(void *frame)
{
    struct owner *o = frame;
    struct notes *n = o->notes;

    EQ(n->alive, o->groups[0] != NULL ? CHILDREN : 0);
    EQ(n->gone, 0);
    o->word = GONE;
    memcpy(n->groups, o->groups, sizeof n->groups);
    if (!n->free_early && !n->never_free)
        for (int i = 0; i < GROUPS; i++)
            pirn_group_free(o->groups[i]);
    n->drops++;
}

static void owner_out_drop(void *out)
{
    for (int i = 0; i < OUT; i++)
        EQ(((unsigned char *)out)[i], 0x5a);
}

const pirn_task_desc owner_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "owner",
    .poll = owner_poll,
    .drop = owner_drop,
    .frame_size = sizeof(struct owner),
    .out_size = OUT,
    .out_drop = owner_out_drop,
};

void notes_reset(struct notes *n, enum how how)
{
    memset(n, 0, sizeof *n);
    n->how = how;
    n->child = &child_desc;
}

pirn_join *owner_start(pirn_handle *h, struct notes *n)
{
    struct owner o = {.notes = n};
    pirn_join *j;

    EQ(pirn_spawn(h, &owner_desc, &o, &j), 0);
    run_until(h, &n->started, 1);
    return j;
}

void is_over(struct notes *n)
{
    EQ(n->alive, CHILDREN);
    EQ(n->gone, 0);
    EQ(n->drops, 1);
    EQ(n->deferred, 1);
    for (int i = 0; i < CHILDREN; i++)
        EQ(n->gates[i].drops, 1);
}

static int join_owner_poll(void *frame, pirn_cx *cx, void *out)
{
    struct joining *f = frame;
    int r = pirn_join_poll(f->join, cx, &f->res, out);

    if (r == 0)
        pirn_join_free(f->join);
    return r;
}

static const pirn_task_desc join_owner_desc = {
    .size = sizeof(pirn_task_desc),
    .poll = join_owner_poll,
    .frame_size = sizeof(struct joining),
    .out_size = OUT,
};

pirn_result join_owner(pirn_handle *h, pirn_join *j, unsigned char *out)
{
    struct joining f = {.join = j};
    pirn_result res;

    EQ(pirn_block_on(h, &join_owner_desc, &f, &res, out), 0);
    EQ(res.code, 0);
    return f.res;
}

void check_result(enum how how, const pirn_result *res, const unsigned char *out)
{
    switch (how) {
    case HOW_DONE:
        EQ(res->outcome, PIRN_DONE);
        EQ(res->code, 0);
        for (int i = 0; i < OUT; i++)
            EQ(out[i], 0x5a);
        break;
    case HOW_ERROR:
        EQ(res->outcome, PIRN_DONE);
        EQ(res->code, -EIO);
        break;
    case HOW_FAULT:
    case HOW_CX_FAULT:
        EQ(res->outcome, PIRN_FAULTED);
        EQ(res->code, how == HOW_FAULT ? 41 : 42);
        break;
    default:
        EQ(res->outcome, PIRN_CANCELLED);
        break;
    }
}
