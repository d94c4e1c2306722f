/* SPDX-License-Identifier: MIT */
/* Does a program written with pirn/async.h do on a runtime what it says? Everything the header has, in
 * what C11 and C++17 share; async.py compiles it with every warning that must be silent. */
#include <pirn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* ---- a task with an output, an argument, and a frame that asks for its alignment ---------------- */

struct power {
    PIRN_FRAME;
    int base, exponent, i;
    long value;
    bool fail;
#ifdef __cplusplus
    alignas(64) char wide[64];
#else
    _Alignas(64) char wide[64];
#endif
};

static int power_drops; /* by workers at once: __atomic, for both languages */

static int power_poll(void *frame, pirn_cx *cx, void *out)
{
    struct power *f = (struct power *)frame;
    long *value = (long *)out;

    PIRN_BEGIN(f);
    CHECK((uintptr_t)f->wide % 64 == 0);
    if (f->fail)
        return -EDOM;
    f->value = 1;
    for (f->i = 0; f->i < f->exponent; f->i++) {
        if (f->i % 2 == 0)
            PIRN_YIELD(f, cx);
        else
            PIRN_TRY(f, pirn_consume_budget_poll(cx));
        f->value *= f->base;
    }
    *value = f->value;
    PIRN_END(f);
}

static void power_drop(void *frame)
{
    (void)frame;
    __atomic_fetch_add(&power_drops, 1, __ATOMIC_RELAXED);
}

static const pirn_task_desc power_task =
    PIRN_TASK_OUT_INIT("power", struct power, power_poll, power_drop, long, NULL);
PIRN_TYPED(power, struct power, long)

/* ---- a task that waits for ever, whose line is told ------------------------------------------------ */

struct waits {
    PIRN_FRAME;
    unsigned line;
};

static int waits_poll(void *frame, pirn_cx *cx, void *out)
{
    struct waits *f = (struct waits *)frame;
    int r;

    (void)out;
    PIRN_BEGIN(f);
    f->line = __LINE__ + 1;
    PIRN_AWAIT(f, r = pirn_pending_poll(cx));
    return r;
    PIRN_END(f);
}

static const pirn_task_desc waits_task = PIRN_TASK_INIT("waits", struct waits, waits_poll, NULL);
PIRN_TYPED(waits, struct waits, void)

/* A frame without PIRN_FRAME, which shows no line. */
static int plain_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)out;
    return pirn_pending_poll(cx);
}

static const pirn_task_desc plain_task = PIRN_TASK_INIT("plain", char, plain_poll, NULL);

static int see_line(void *user, const pirn_task_info *t)
{
    unsigned *lines = (unsigned *)user;

    if (t->name == waits_task.name)
        lines[0] = t->await_line;
    if (t->name == plain_task.name)
        lines[1] = t->await_line;
    return 0;
}

/* Whether nothing runs beside the root: what another task wrote may be read. */
static bool alone;

/* ---- the root ---------------------------------------------------------------------------------------- */

struct root {
    PIRN_FRAME;
    pirn_join *power, *other, *waits, *plain;
    struct waits *waits_frame;
    pirn_result res[2];
    long value[2];
    unsigned mask, yielded, lines[2];
    int r0, r1, i;
    pirn_op op[2];
};

static void spawn_power(const struct power *p, pirn_join **out)
{
    CHECK(power_spawn(NULL, p, out) == 0);
}

/* One after the other, then both at once. */
static int powers_poll(struct root *f, pirn_cx *cx)
{
    struct power p = {0, 3, 4, 0, 0, false, {0}};

    PIRN_BEGIN(f);
    spawn_power(&p, &f->power);
    PIRN_TRY(f, power_join_poll(f->power, cx, &f->res[0], &f->value[0]));
    CHECK(pirn_result_status(&f->res[0]) == 0);
    CHECK(f->value[0] == 81);
    pirn_join_free(f->power);

    p.exponent = 10;
    spawn_power(&p, &f->power);
    p.fail = true;
    spawn_power(&p, &f->other);
    PIRN_JOIN_ALL(f, f->mask, f->r0 = power_join_poll(f->power, cx, &f->res[0], &f->value[0]),
                  f->r1 = power_join_poll(f->other, cx, &f->res[1], &f->value[1]));
    CHECK(f->r0 == 0 && f->r1 == 0 && f->mask == 0);
    CHECK(f->value[0] == 59049);
    CHECK(pirn_result_status(&f->res[1]) == -EDOM);
    CHECK(__atomic_load_n(&power_drops, __ATOMIC_RELAXED) == 3);
    pirn_join_free(f->power);
    pirn_join_free(f->other);
    PIRN_END(f);
}

static int root_poll(void *frame, pirn_cx *cx, void *out)
{
    struct root *f = (struct root *)frame;
    int r, won;

    (void)out;
    PIRN_BEGIN(f);
    CHECK(waits_begin(NULL, &f->waits_frame) == 0);
    CHECK(f->waits_frame->line == 0);
    CHECK(pirn_spawn_commit(f->waits_frame, &f->waits) == 0);
    CHECK(pirn_spawn(NULL, &plain_task, "x", &f->plain) == 0);

    /* The join stays. */
    for (f->i = 0; f->i < 3; f->i++) {
        PIRN_SELECT(f, won, r, NULL, waits_join_poll(f->waits, cx, &f->res[0], NULL), NULL,
                    pirn_yield_poll(&f->yielded, cx));
        CHECK(won == 1 && r == 0);
    }
    CHECK(pirn_runtime_each_task(NULL, see_line, f->lines) == 0);
    CHECK(!alone || (f->lines[0] == f->waits_frame->line && f->lines[0] != 0));
    CHECK(f->lines[1] == 0);
    pirn_join_abort(f->waits);
    PIRN_SELECT(f, won, r, NULL, waits_join_poll(f->waits, cx, &f->res[0], NULL), NULL,
                pirn_pending_poll(cx));
    CHECK(won == 0 && r == 0);
    CHECK(f->res[0].outcome == PIRN_CANCELLED);
    pirn_join_free(f->waits);
    pirn_join_abort(f->plain);
    pirn_join_free(f->plain);
    PIRN_END(f);
}

/* Children of a group, of which one fails. */
struct team {
    PIRN_FRAME;
    pirn_group *g;
    pirn_op op;
    pirn_result res;
    uint64_t id, failing;
    long value, sum;
    int i, failures;
};

static int team_poll(struct team *f, pirn_cx *cx)
{
    struct power p = {0, 2, 3, 0, 0, false, {0}};
    int r;

    PIRN_BEGIN(f);
    CHECK(pirn_group_new(NULL, NULL, PIRN_NEVER, 0, &f->g) == 0);
    for (f->i = 0; f->i < 4; f->i++) {
        p.exponent = f->i;
        p.fail = f->i == 2;
        CHECK(power_group_spawn(f->g, &p, &f->id) == 0);
        if (p.fail)
            f->failing = f->id;
    }
    for (;;) {
        PIRN_AWAIT(f, r = pirn_group_next_poll(&f->op, cx, f->g, &f->res, &f->value));
        if (r == PIRN_EOF)
            break;
        CHECK(r == 0);
        if (pirn_result_status(&f->res) == 0) {
            f->sum += f->value;
        } else {
            CHECK(f->res.task_id == f->failing);
            f->failures++;
        }
    }
    pirn_group_free(f->g);
    CHECK(f->sum == 1 + 2 + 8 && f->failures == 1);
    PIRN_END(f);
}

struct both {
    PIRN_FRAME;
    struct root first, second;
    struct team team;
};

static int both_poll(void *frame, pirn_cx *cx, void *out)
{
    struct both *f = (struct both *)frame;

    PIRN_BEGIN(f);
    PIRN_TRY(f, powers_poll(&f->first, cx));
    PIRN_TRY(f, root_poll(&f->second, cx, out));
    PIRN_TRY(f, team_poll(&f->team, cx));
    PIRN_END(f);
}

static const pirn_task_desc both_task = PIRN_TASK_INIT("both", struct both, both_poll, NULL);

static void run(enum pirn_flavor flavor)
{
    pirn_runtime_opts opts = PIRN_RUNTIME_OPTS_INIT;
    static struct both both;
    pirn_result res;

    alone = flavor == PIRN_CURRENT_THREAD;
    opts.flavor = flavor;
    opts.worker_threads = flavor == PIRN_MULTI_THREAD ? 2 : 0;
    power_drops = 0;
    memset(&both, 0, sizeof both);
    CHECK(pirn_run(&opts, &both_task, &both, &res, NULL) == 0);
    CHECK(res.outcome == PIRN_DONE && res.code == 0);
    CHECK(both.pirn_at_ == 0);
}

/* A plain thread joins a typed task. */
static void wait_outside(void)
{
    struct power p = {0, 2, 5, 0, 0, false, {0}};
    pirn_runtime *rt;
    pirn_join *j;
    pirn_result res;
    long value;

    CHECK(pirn_runtime_new(NULL, &rt) == 0);
    CHECK(power_spawn(pirn_runtime_handle(rt), &p, &j) == 0);
    CHECK(power_join_wait(j, PIRN_NEVER, &res, &value) == 0);
    CHECK(value == 32);
    pirn_join_free(j);
    pirn_runtime_free(rt);
}

int main(void)
{
    run(PIRN_CURRENT_THREAD);
    run(PIRN_MULTI_THREAD);
    wait_outside();
    return 0;
}
