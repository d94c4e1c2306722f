/* SPDX-License-Identifier: MIT */
/* What the tests of groups share. */
#include "group_use.h"

int outside_next(void *frame, pirn_cx *cx, void *out)
{
    struct outside *o = frame;

    (void)out;
    return pirn_group_next_poll(&o->op, cx, o->group, &o->res, &o->out);
}

int outside_join(void *frame, pirn_cx *cx, void *out)
{
    struct outside *o = frame;

    (void)out;
    return pirn_group_join_poll(&o->op, cx, o->group, &o->res);
}

uint64_t spawn_in(pirn_group *g, step_fn *fn, void (*drop)(void *), void *user)
{
    struct closure c = {fn, drop, user};
    uint64_t id = 0;
    int r = pirn_group_spawn(g, &closure_desc, &c, &id);

    CHECK_SAYS(r == 0, "pirn_group_spawn: %d, %s", r, pirn_last_error_text());
    CHECK(id != 0);
    return id;
}

pirn_group *group_on(pirn_runtime *rt, uint32_t flags)
{
    pirn_group *g = NULL;

    EQ(pirn_group_new(pirn_runtime_handle(rt), NULL, PIRN_NEVER, flags, &g), 0);
    return g;
}

/* Polls on this thread, while the runtime runs. */
int step(pirn_runtime *rt, struct flavor f, int (*poll)(void *, pirn_cx *, void *),
         struct outside *o, struct wakes *w)
{
    pirn_waker waker = wakes_waker(w);
    int r;

    if (f.flavor == PIRN_CURRENT_THREAD)
        rt_idle(rt);
    r = pirn_poll_with(&waker, poll, o, NULL);
    pirn_waker_drop(waker);
    return r;
}

void drive(pirn_runtime *rt, struct flavor f)
{
    if (f.flavor == PIRN_CURRENT_THREAD)
        rt_idle(rt);
}

int number_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = (int)(intptr_t)user;
    return 0;
}

int fail_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    (void)out;
    return (int)(intptr_t)user;
}

int fault_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    (void)out;
    pirn_fault(77, "the %s broke", "belt");
}
