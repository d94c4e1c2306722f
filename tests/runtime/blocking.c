/* SPDX-License-Identifier: MIT */
/* What the tests of the blocking pool share: see blocking.h. */
#include "blocking.h"

pirn_runtime *rt_capped(struct flavor f, uint32_t max)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    o.max_blocking_threads = max;
    return rt_on_with(f, &o);
}

static int with_poll(void *frame, pirn_cx *cx, void *out)
{
    struct closure *c = frame;

    return c->poll(c->user, cx, out);
}

static void with_drop(void *frame)
{
    struct closure *c = frame;

    if (c->drop != NULL)
        c->drop(c->user);
}

#define WITH_FLAGS(f)                                                                              \
    {                                                                                              \
        .size = sizeof(pirn_task_desc), .name = "flagged", .poll = with_poll, .drop = with_drop,   \
        .frame_size = sizeof(struct closure), .out_size = sizeof(int), .flags = (f)                \
    }

const pirn_task_desc try_desc = WITH_FLAGS(PIRN_TASK_BLOCKING | PIRN_TASK_TRY);
const pirn_task_desc mandatory_desc = WITH_FLAGS(PIRN_TASK_BLOCKING | PIRN_TASK_MANDATORY);
const pirn_task_desc try_mandatory_desc =
    WITH_FLAGS(PIRN_TASK_BLOCKING | PIRN_TASK_TRY | PIRN_TASK_MANDATORY);

int try_blocking_as(pirn_handle *h, const pirn_task_desc *desc, step_fn *fn, void (*drop)(void *),
                    void *user, pirn_join **out)
{
    struct closure c = {fn, drop, user};

    return pirn_spawn_blocking(h, desc, &c, out);
}

pirn_join *blocking_as(pirn_handle *h, const pirn_task_desc *desc, step_fn *fn,
                       void (*drop)(void *), void *user)
{
    pirn_join *j = NULL;
    int r = try_blocking_as(h, desc, fn, drop, user, &j);

    CHECK_SAYS(r == 0 && j != NULL, "pirn_spawn_blocking: %d, %s", r, pirn_last_error_text());
    return j;
}

pirn_join *blocking(pirn_handle *h, step_fn *fn, void *user)
{
    return blocking_as(h, &closure_desc, fn, NULL, user);
}

void waits_done(pirn_join *j, int output)
{
    pirn_result res = {PIRN_FAULTED, 1, 1};
    int out = -1;

    EQ(pirn_join_wait(j, PIRN_NEVER, &res, &out), 0);
    EQ(res.outcome, PIRN_DONE);
    EQ(res.code, 0);
    EQ(out, output);
    pirn_join_free(j);
}

void waits_as(pirn_join *j, enum pirn_outcome outcome, int code)
{
    pirn_result res = {PIRN_DONE, 1, 1};

    EQ(pirn_join_wait(j, PIRN_NEVER, &res, NULL), 0);
    EQ(res.outcome, outcome);
    EQ(res.code, code);
    pirn_join_free(j);
}

pirn_join *occupy(pirn_handle *h, struct stopper *s)
{
    pirn_join *j;

    stopper_init(s);
    j = blocking(h, stopper_poll, s);
    await(&s->entered);
    return j;
}

void let_go(struct stopper *s)
{
    post(&s->go);
}

static bool is_quiet(void *h)
{
    pirn_metrics m = metrics_of(h);

    return m.blocking_queue_depth == 0 && m.idle_blocking_threads == m.blocking_threads;
}

void pool_is_quiet(pirn_handle *h)
{
    pirn_metrics m;

    CHECK(comes_true(is_quiet, h));
    m = metrics_of(h);
    EQ(m.tasks_alive, 0);
}
