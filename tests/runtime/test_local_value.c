/* SPDX-License-Identifier: MIT */
/* Is a task-local value there in every poll of its task and in its drops, nowhere else, and dropped once,
 * last? (tokio: tests/task_local.rs) */
#include "flavors.h"

struct value {
    int number;
    _Atomic(int) drops;
};

static void value_drop(void *value)
{
    struct value *v = value;

    v->drops++;
}

static const pirn_local_key key = PIRN_LOCAL_KEY_INIT("number", value_drop);
static const pirn_local_key other = PIRN_LOCAL_KEY_INIT("other", NULL);

struct user {
    struct value first, second, third;
    _Atomic(int) polls, drops, op_drops, children;
    pirn_op op;
    struct gate gate;
    bool fault;
};

static void check_in_op(void *user)
{
    struct user *u = user;

    EQ(((struct value *)pirn_local_get(&key))->number, 2);
    EQ(u->second.drops, 0);
    u->op_drops++;
}

static int alone_poll(void *user, pirn_cx *cx, int *out)
{
    struct user *u = user;

    (void)cx;
    CHECK(pirn_local_get(&key) == NULL);
    CHECK(pirn_local_take(&key) == NULL);
    u->children++;
    *out = 0;
    return 0;
}

/* A task that inherits nothing. */
static void spawn_alone(struct user *u)
{
    const struct closure c = {alone_poll, NULL, u};

    EQ(pirn_spawn(NULL, &closure_desc, &c, NULL), 0);
}

static int user_poll(void *user, pirn_cx *cx, int *out)
{
    struct user *u = user;
    int ignored;

    if (u->polls++ == 0) {
        CHECK(pirn_local_get(&key) == NULL);
        EQ(pirn_local_bind(&key, &u->first), 0);
        EQ(pirn_local_bind(&other, &u->third), 0);
        EQ(((struct value *)pirn_local_get(&key))->number, 1);
        EQ(pirn_local_bind(&key, &u->second), 0);
        EQ(u->first.drops, 1);
        CHECK(pirn_local_take(&other) == &u->third);
        CHECK(pirn_local_get(&other) == NULL);
        pirn_defer(&u->op, cx, check_in_op, u);
        spawn_alone(u);
    }
    EQ(((struct value *)pirn_local_get(&key))->number, 2);
    if (gate_poll(&u->gate, cx, &ignored) == PIRN_PENDING)
        return PIRN_PENDING;
    if (u->fault)
        pirn_fault(1, "on purpose");
    *out = 7;
    return 0;
}

static void user_drop(void *user)
{
    struct user *u = user;

    EQ(((struct value *)pirn_local_get(&key))->number, 2);
    EQ(u->op_drops, 1);
    EQ(u->second.drops, 0);
    EQ(pirn_local_bind(&key, &u->third), -EINVAL);
    gate_drop(&u->gate);
    u->drops++;
}

static void user_reset(struct user *u)
{
    memset(u, 0, sizeof *u);
    u->first.number = 1;
    u->second.number = 2;
}

static void user_is_over(struct user *u)
{
    EQ(u->first.drops, 1);
    EQ(u->second.drops, 1);
    EQ(u->third.drops, 0);
    EQ(u->drops, 1);
    EQ(u->op_drops, 1);
    CHECK(pirn_local_get(&key) == NULL);
}

static void there_until_the_end(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    static struct user u[4];
    pirn_join *joins[4];

    for (int i = 0; i < 4; i++) {
        struct closure c = {user_poll, user_drop, &u[i]};

        user_reset(&u[i]);
        u[i].fault = i == 1;
        EQ(pirn_spawn(h, &closure_desc, &c, &joins[i]), 0);
        run_until(h, &u[i].children, 1);
    }
    gate_open(&u[0].gate);
    ends_done(h, joins[0], 7);
    gate_open(&u[1].gate);
    ends_as(h, joins[1], PIRN_FAULTED, 1);
    pirn_join_abort(joins[2]);
    ends_as(h, joins[2], PIRN_CANCELLED, -ECANCELED);
    pirn_join_free(joins[3]);
    rt_free(rt); /* the last by the shutdown */
    for (int i = 0; i < 4; i++)
        user_is_over(&u[i]);
}
EACH_FLAVOR(local_value, there_until_the_end)

static void in_a_root(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    static struct user u;
    struct closure c = {user_poll, user_drop, &u};
    pirn_result res;
    int out = 0;

    user_reset(&u);
    u.gate.open = true;
    EQ(pirn_block_on(pirn_runtime_handle(rt), &closure_desc, &c, &res, &out), 0);
    EQ(out, 7);
    user_is_over(&u);
    rt_free(rt);
}
EACH_FLAVOR(local_value, in_a_root)

static int blocking_poll(void *user, pirn_cx *cx, int *out)
{
    struct user *u = user;

    (void)cx;
    EQ(pirn_local_bind(&key, &u->second), 0);
    *out = ((struct value *)pirn_local_get(&key))->number;
    return 0;
}

static void in_a_blocking_task(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    static struct user u;
    struct closure c = {blocking_poll, NULL, &u};
    pirn_join *j;
    pirn_result res;
    int out = 0;

    user_reset(&u);
    EQ(pirn_spawn_blocking(pirn_runtime_handle(rt), &closure_desc, &c, &j), 0);
    EQ(pirn_join_wait(j, PIRN_NEVER, &res, &out), 0);
    EQ(out, 2);
    pirn_join_free(j);
    EQ(u.second.drops, 1);
    rt_free(rt);
}
EACH_FLAVOR(local_value, in_a_blocking_task)

static int refusing_poll(void *user, pirn_cx *cx, int *out)
{
    static const pirn_local_key small = {.size = 1};

    (void)cx;
    EQ(pirn_local_bind(NULL, user), -EINVAL);
    EQ(pirn_local_bind(&key, NULL), -EINVAL);
    EQ(pirn_local_bind(&small, user), -EINVAL);
    tally.fail_at = 1;
    EQ(pirn_local_bind(&key, user), -ENOMEM);
    SAYS("number");
    CHECK(pirn_local_get(&key) == NULL);
    *out = 0;
    return 0;
}

Test(local_value, refuses_what_is_wrong)
{
    pirn_runtime *rt = rt_new();
    struct value v = {0};

    EQ(block_on(pirn_runtime_handle(rt), refusing_poll, &v), 0);
    EQ(pirn_local_bind(&key, &v), -EINVAL);
    SAYS("not in a poll");
    CHECK(pirn_local_get(&key) == NULL);
    EQ(v.drops, 0);
    rt_free(rt);
}
