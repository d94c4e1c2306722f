/* SPDX-License-Identifier: MIT */
/* Tasks for the scenarios: the library's sources as they stand, over a scheduler that has one
 * mailbox per task and counts.
 *
 * What a scenario is about must not be ordered by the model's own doing: events are relaxed, and
 * counters that one thread at a time may touch are plain. A mailbox is release and acquire, as every
 * queue is: T1 asserts NOTIFIED of a first guess. */
#ifndef PIRN_TESTS_MODEL_TASK_MODEL_H
#define PIRN_TESTS_MODEL_TASK_MODEL_H

#include "tests/model/model.h"

#include <pirn/op.h>
#include <pirn/task.h>

#include "task/base/error.h"
#include "task/base/relax.h"
#include "task/base/scope.h"
#include "task/cx.h"
#include "task/fault.h"
#include "task/group.h"
#include "task/move.h"
#include "task/op.h"
#include "task/owned.h"
#include "task/rcu.h"

/* A checker takes no variadic functions, and waits in its own way. */
#define pirn__error(code, ...)      (code)
#define pirn__fault_note(code, ...) ((void)(code))
#define cpu_relax(tries)            ((void)(tries), model_relax())

enum {
    TASKS_MAX = 3
};

/* What happened to a task; outlives its cell. */
struct ledger {
    int polls, frames_dropped, freed;  /* plain: one thread at a time, or it is a race */
    int outputs_made, outputs_dropped; /* likewise */
    bool polling;                      /* likewise */
    atomic_int forgotten;              /* any thread may report */
    _Atomic(struct header *) mail;     /* the Notified, published as any queue does */
};

/* Begins where the output will lie; both begin with the task's number. */
struct frame {
    int task;
};

static struct ledger ledgers[TASKS_MAX];
static struct poller pollers[MODEL_MAIN + 1]; /* each thread's */
static struct sched model_sched;
static bool model_drives[MODEL_MAIN + 1]; /* immutable while threads run */
static void (*on_cancel)(void); /* likewise: a frame is dropped instead of polled to its end */

static void (*on_drop)(int task); /* likewise: any frame is */

/* ---- what the library asks of files that are not part of the model ------------------------------- */

static struct pirn_cx *own_poll(const struct header *h)
{
    struct pirn_cx *cx = &pollers[model_me()].cx;

    return cx->cell == h ? cx : NULL;
}

bool pirn__contain(void (*fn)(void *arg), void *arg)
{
    fn(arg);
    return true;
}

bool pirn__contain_busy(void (*fn)(void *arg), void *arg)
{
    fn(arg);
    return true;
}

void pirn__move_bytes(void *to, const void *from, size_t n)
{
    assert(n == sizeof(int));
    *(int *)to = *(const int *)from;
}

static void must_not_come_here(void)
{
    assert(!"part of the model");
}

#if defined(MODEL_WITH_OPS)
#    include "task/op.c"
#else
void pirn__op_drop_listed(void *op)
{
    (void)op;
    must_not_come_here();
}

struct pirn_op *pirn__op_before_frame(struct pirn_op *ops)
{
    return ops;
}

void pirn__op_rehead(struct pirn_op **ops)
{
    (void)ops;
    must_not_come_here();
}

bool pirn__op_before_wait(struct pirn_op *ops, struct header *h)
{
    (void)ops;
    (void)h;
    must_not_come_here();
    return false;
}
#endif

struct fault_record *pirn__fault_record_new(const pirn_alloc *a)
{
    (void)a;
    must_not_come_here();
    return NULL;
}

void pirn__fault_record_free(const pirn_alloc *a, struct fault_record *f)
{
    (void)a;
    (void)f;
    must_not_come_here();
}

#if !defined(MODEL_WITH_GROUPS)
struct settle *pirn__groups_record(struct pirn_op *ops)
{
    (void)ops; /* none is a group's */
    return NULL;
}

void pirn__groups_close(struct pirn_op *ops, struct settle *s)
{
    (void)ops;
    (void)s;
    must_not_come_here();
}

void pirn__groups_drop_results(struct pirn_op *ops)
{
    (void)ops;
    must_not_come_here();
}
#endif

int pirn__fault_code(void)
{
    must_not_come_here();
    return 0;
}

const char *pirn__fault_text(void)
{
    must_not_come_here();
    return "";
}

#include "task/harness.c"
#include "task/join.c"
#include "task/settle.c"
#include "task/state.c"
#include "task/task.c"
#include "task/waker.c"

/* ---- the scheduler ------------------------------------------------------------------------------ */

static bool sched_here(struct sched *s)
{
    (void)s;
    return model_drives[model_me()];
}

/* Into the mailbox, by way of the link that queues use: the Notified's holder may write it. */
static void sched_schedule(struct sched *s, struct notified n)
{
    struct ledger *l = &ledgers[n.cell->id];
    struct header *before;

    (void)s;
    n.cell->queue_next = NULL;
    before = atomic_exchange_explicit(&l->mail, n.cell, memory_order_release);
    assert(before == NULL); /* at most one Notified exists */
}

/* Out of it. NULL: empty. */
static struct header *take_mail(int task)
{
    struct header *h = atomic_exchange_explicit(&ledgers[task].mail, NULL, memory_order_acquire);

    if (h != NULL)
        h->queue_next = NULL;
    return h;
}

static void sched_end_here(struct sched *s, struct settle *settled)
{
    (void)s;
    pirn__harness_end_here(settled, &pollers[model_me()]);
}

static void sched_requeue(struct sched *s, struct notified n, bool yield)
{
    (void)yield;
    sched_schedule(s, n);
}

#if defined(MODEL_WITH_LIST)
/* Grace periods: wait until every reader has been seen outside. */
static atomic_int model_reading[MODEL_MAIN + 1];

void pirn__rcu_read_lock(void)
{
    (void)atomic_exchange_explicit(&model_reading[model_me()], 1, memory_order_seq_cst);
}

void pirn__rcu_read_unlock(void)
{
    atomic_store_explicit(&model_reading[model_me()], 0, memory_order_release);
}

void pirn__rcu_synchronize(void)
{
    for (unsigned i = 0; i < MODEL_MAIN; i++)
        while (i != model_me() && atomic_load_explicit(&model_reading[i], memory_order_seq_cst))
            model_relax();
}

#    include "task/owned.c"

static struct owned model_list;

static bool sched_link(struct sched *s, struct header *h)
{
    (void)s;
    return pirn__owned_link(&model_list, h);
}

static bool sched_unlink(struct sched *s, struct header *h)
{
    (void)s;
    return pirn__owned_unlink(&model_list, h);
}

static bool sched_may_reuse(struct header *h)
{
    return pirn__owned_retire(&model_list, h);
}
#else
/* A list of one task without order: what takes it out owns its reference. */
static atomic_int model_linked[TASKS_MAX];

static bool sched_link(struct sched *s, struct header *h)
{
    (void)s;
    h->owned.seq_low = 1;
    atomic_store_explicit(&model_linked[h->id], 1, memory_order_relaxed);
    return true;
}

static bool sched_unlink(struct sched *s, struct header *h)
{
    (void)s;
    return atomic_exchange_explicit(&model_linked[h->id], 0, memory_order_relaxed) == 1;
}

static bool sched_may_reuse(struct header *h)
{
    (void)h;
    return true;
}
#endif

static void sched_free_cell(struct sched *s, struct header *h)
{
    (void)s;
    ledgers[h->id].freed++;
    if (sched_may_reuse(h))
        model_free(h);
}

static void sched_faulted(struct sched *s, const struct task_facts *f, int code, const char *text)
{
    (void)s;
    (void)f;
    (void)code;
    (void)text;
    must_not_come_here();
}

static void sched_contained(struct sched *s)
{
    (void)s;
    must_not_come_here();
}

static void sched_forgotten(struct sched *s, const struct task_facts *f)
{
    (void)s;
    (void)atomic_fetch_add_explicit(&ledgers[f->id].forgotten, 1, memory_order_relaxed);
}

static const struct sched_ops model_ops = {
    .here = sched_here,
    .schedule = sched_schedule,
    .requeue = sched_requeue,
    .resume = sched_schedule,
    .end_here = sched_end_here,
    .link = sched_link,
    .unlink = sched_unlink,
    .free_cell = sched_free_cell,
    .faulted = sched_faulted,
    .contained = sched_contained,
    .forgotten = sched_forgotten,
};

/* ---- tasks ----------------------------------------------------------------------------------------- */

/* The scenario's: what the poll of a task does. 0: done, and the output is the task's number. */
static int step(int task, pirn_cx *cx);

static int frame_poll(void *frame, pirn_cx *cx, void *out)
{
    int task = ((struct frame *)frame)->task;
    struct ledger *l = &ledgers[task];
    int r;

    assert(!l->polling && l->frames_dropped == 0);
    l->polling = true;
    l->polls++;
    r = step(task, cx);
    l->polling = false;
    if (r == 0) {
        l->outputs_made++;
        *(int *)out = task;
    }
    return r;
}

static void frame_drop(void *frame)
{
    struct ledger *l = &ledgers[((struct frame *)frame)->task];

    assert(!l->polling);
    if (on_drop != NULL)
        on_drop(((struct frame *)frame)->task);
    l->frames_dropped++;
    if (l->outputs_made == 0 && on_cancel != NULL)
        on_cancel();
}

static void output_drop(void *out)
{
    ledgers[*(int *)out].outputs_dropped++;
}

static const pirn_task_desc model_desc = {
    .size = sizeof(pirn_task_desc),
    .poll = frame_poll,
    .drop = frame_drop,
    .frame_size = sizeof(struct frame),
    .out_size = sizeof(int),
    .out_drop = output_drop,
};

static void poller_reset(struct poller *p)
{
    p->cx.waker.vt = &pirn__task_waker_vt;
    p->cx.waker.data = NULL;
    p->cx.cell = NULL;
    p->cx.ops = NULL;
    p->phase = PHASE_NONE;
    p->budget = 1;
    p->tick = 0;
    p->polls = &p->stats.polls;
    atomic_store_explicit(&p->stats.polls, 0, memory_order_relaxed);
    atomic_store_explicit(&p->stats.finished, 0, memory_order_relaxed);
    atomic_store_explicit(&p->running_id, 0, memory_order_relaxed);
    atomic_store_explicit(&p->running_desc, NULL, memory_order_relaxed);
}

/* First in setup. @driver: the thread on which wakes hand over; MODEL_MAIN for none of them. */
static void world_reset(unsigned driver)
{
    on_cancel = NULL;
    on_drop = NULL;
    model_sched.ops = &model_ops;
    model_sched.watch = 0;
    for (unsigned i = 0; i <= MODEL_MAIN; i++) {
        poller_reset(&pollers[i]);
        model_drives[i] = i == driver || i == MODEL_MAIN;
    }
#if defined(MODEL_WITH_LIST)
    pirn__owned_init(&model_list);
    for (unsigned i = 0; i <= MODEL_MAIN; i++)
        atomic_store_explicit(&model_reading[i], 0, memory_order_relaxed);
#endif
}

/* A task in its mailbox. Return: its cell, for the handles that the scenario makes. */
static struct header *spawn(int task, bool joined)
{
    struct ledger *l = &ledgers[task];
    struct header *h = model_alloc(CELL_STAGE + sizeof(struct frame));

    l->polls = l->frames_dropped = l->freed = 0;
    l->outputs_made = l->outputs_dropped = 0;
    l->polling = false;
    atomic_store_explicit(&l->forgotten, 0, memory_order_relaxed);
    atomic_store_explicit(&l->mail, h, memory_order_relaxed);
#if !defined(MODEL_WITH_LIST)
    atomic_store_explicit(&model_linked[task], 0, memory_order_relaxed);
#endif
    pirn__task_init(h, &model_desc, &model_sched, (uint64_t)task, NULL, 0, joined);
    ((struct frame *)cell_stage(h))->task = task;
    return h;
}

/* Runs a task if it is in its mailbox. */
static bool run_mail(int task)
{
    struct header *h = take_mail(task);

    if (h == NULL)
        return false;
    pirn__harness_run((struct local_notified){h}, &pollers[model_me()]);
    return true;
}

/* As the closer of queues. */
static bool cancel_mail(int task)
{
    struct header *h = take_mail(task);

    if (h == NULL)
        return false;
    pirn__harness_cancel_queued((struct notified){h}, &pollers[model_me()]);
    return true;
}

/* In check: whatever is to be run still. */
static void run_rest(int task)
{
    while (run_mail(task))
        ;
}

/* As the closer of the list. */
static void shut_down(int task, struct header *h)
{
#if defined(MODEL_WITH_LIST)
    struct task t;

    (void)task;
    (void)h;
    while (pirn__owned_pop(&model_list, &t))
        pirn__harness_shutdown(t, &pollers[model_me()]);
#else
    if (sched_unlink(h->sched, h))
        pirn__harness_shutdown((struct task){h}, &pollers[model_me()]);
    (void)task;
#endif
}

/* ---- wakers that are no task's ----------------------------------------------------------------------- */

/* One per join waker: made is plain if one thread makes them. */
struct counted {
    atomic_int made, gone, woken;
};

static void *counted_clone(void *data)
{
    (void)atomic_fetch_add_explicit(&((struct counted *)data)->made, 1, memory_order_relaxed);
    return data;
}

static void counted_drop(void *data)
{
    (void)atomic_fetch_add_explicit(&((struct counted *)data)->gone, 1, memory_order_relaxed);
}

static void counted_wake_by_ref(void *data)
{
    (void)atomic_fetch_add_explicit(&((struct counted *)data)->woken, 1, memory_order_relaxed);
}

static void counted_wake(void *data)
{
    counted_wake_by_ref(data);
    counted_drop(data);
}

static const pirn_waker_vt counted_vt = {
    sizeof(pirn_waker_vt), counted_clone, counted_wake, counted_wake_by_ref, counted_drop,
};

static void counted_reset(struct counted *c, pirn_waker *w)
{
    atomic_store_explicit(&c->made, 0, memory_order_relaxed);
    atomic_store_explicit(&c->gone, 0, memory_order_relaxed);
    atomic_store_explicit(&c->woken, 0, memory_order_relaxed);
    w->vt = &counted_vt;
    w->data = c;
}

static int get(atomic_int *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static void set(atomic_int *n, int value)
{
    atomic_store_explicit(n, value, memory_order_relaxed);
}

/* ---- ends ------------------------------------------------------------------------------------------------ */

/* In check, of a complete task whose handle exists still: takes the result, gives the handle up.
 * Return: whether it was done; else it was cancelled. */
static bool take_result(int task, struct header *h)
{
    pirn_result res;
    int out = -1;

    assert(pirn__state_peek(&h->state) & STATE_COMPLETE); /* whoever calls has acquired it */
    assert(pirn__join_take((struct join_handle){h}, &res, &out) == 0);
    if (res.outcome == PIRN_DONE)
        assert(res.code == 0 && out == task && ledgers[task].outputs_made == 1);
    else
        assert(res.outcome == PIRN_CANCELLED && ledgers[task].outputs_made == 0);
    pirn__join_drop((struct join_handle){h});
    return res.outcome == PIRN_DONE;
}

/* The cell is gone, with everything in it, once. */
static void check_gone(int task)
{
    struct ledger *l = &ledgers[task];

    assert(l->freed == 1 && l->frames_dropped == 1 && !l->polling);
    assert(atomic_load_explicit(&l->mail, memory_order_relaxed) == NULL);
}

static void check_wakers(struct counted *c)
{
    assert(get(&c->made) == get(&c->gone));
}
#endif
