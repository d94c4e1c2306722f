/* SPDX-License-Identifier: MIT */
/* A scheduler that runs nothing by itself: it keeps what it is given, counts, and writes down. */
#include "tests/support/fake_sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/base/scope.h"
#include "task/fault.h"
#include "task/harness.h"
#include "task/task.h"
#include "task/waker.h"

static const char *const words[FAKE_EVENTS] = {
    [FAKE_SCHEDULE] = "schedule",
    [FAKE_REQUEUE] = "requeue",
    [FAKE_YIELD] = "yield",
    [FAKE_LINK] = "link",
    [FAKE_REFUSE] = "refuse",
    [FAKE_UNLINK] = "unlink",
    [FAKE_MISS] = "miss",
    [FAKE_FREE] = "free",
    [FAKE_FAULTED] = "faulted",
    [FAKE_CONTAINED] = "contained",
    [FAKE_FORGOTTEN] = "forgotten",
    [FAKE_TERMINATED] = "terminated",
    [FAKE_BEFORE_POLL] = "before_poll",
    [FAKE_AFTER_POLL] = "after_poll",
    [FAKE_FD_FREE] = "fd_free",
    [FAKE_RESUME] = "resume",
    [FAKE_END_HERE] = "end_here",
};

static struct fake_sched *fake_of(struct sched *s)
{
    return (struct fake_sched *)(void *)s;
}

static void note(struct sched *s, enum fake_event e)
{
    struct fake_sched *f = fake_of(s);

    f->count[e]++;
    trace_word(&f->trace, words[e]);
}

static void note_facts(struct sched *s, enum fake_event e, const struct task_facts *facts)
{
    fake_of(s)->facts = *facts;
    note(s, e);
}

static void push(struct fake_sched *f, struct header *h)
{
    h->queue_next = NULL;
    if (f->last != NULL)
        f->last->queue_next = h;
    else
        f->first = h;
    f->last = h;
    f->queued++;
}

static bool op_here(struct sched *s)
{
    return fake_of(s)->here;
}

static bool op_stopping(const struct sched *s)
{
    return ((const struct fake_sched *)(const void *)s)->stopping;
}

static void op_schedule(struct sched *s, struct notified n)
{
    note(s, FAKE_SCHEDULE);
    push(fake_of(s), n.cell);
}

static void op_requeue(struct sched *s, struct notified n, bool yield)
{
    note(s, yield ? FAKE_YIELD : FAKE_REQUEUE);
    push(fake_of(s), n.cell);
}

static void op_resume(struct sched *s, struct notified n)
{
    note(s, FAKE_RESUME);
    push(fake_of(s), n.cell);
}

static void op_end_here(struct sched *s, struct settle *settled)
{
    note(s, FAKE_END_HERE);
    pirn__harness_end_here(settled, &fake_of(s)->poller);
}

static bool op_link(struct sched *s, struct header *h)
{
    bool linked = pirn__owned_link(&fake_of(s)->owned, h);

    note(s, linked ? FAKE_LINK : FAKE_REFUSE);
    return linked;
}

static bool op_unlink(struct sched *s, struct header *h)
{
    bool out = pirn__owned_unlink(&fake_of(s)->owned, h);

    note(s, out ? FAKE_UNLINK : FAKE_MISS);
    return out;
}

static void give_back(void *user, struct header *h)
{
    struct fake_sched *f = user;
    struct cell_layout l;

    pirn__task_layout(h->desc, &l);
    f->cells--;
    f->base.alloc.free(f->base.alloc.user, (char *)h - l.header_offset, l.bytes);
}

static void op_free_cell(struct sched *s, struct header *h)
{
    struct fake_sched *f = fake_of(s);

    note(s, FAKE_FREE);
    if (pirn__owned_retire(&f->owned, h))
        give_back(f, h);
}

static void op_faulted(struct sched *s, const struct task_facts *facts, int code, const char *text)
{
    struct fake_sched *f = fake_of(s);

    f->fault_code = code;
    (void)snprintf(f->fault_text, sizeof f->fault_text, "%s", text);
    note_facts(s, FAKE_FAULTED, facts);
}

static void op_contained(struct sched *s)
{
    note(s, FAKE_CONTAINED);
}

static void op_forgotten(struct sched *s, const struct task_facts *facts)
{
    note_facts(s, FAKE_FORGOTTEN, facts);
}

static void op_terminated(struct sched *s, const struct task_facts *facts)
{
    note_facts(s, FAKE_TERMINATED, facts);
}

static void op_before_poll(struct sched *s, const struct task_facts *facts)
{
    note_facts(s, FAKE_BEFORE_POLL, facts);
}

static void op_after_poll(struct sched *s, const struct task_facts *facts)
{
    note_facts(s, FAKE_AFTER_POLL, facts);
}

static const struct sched_ops ops = {
    .here = op_here,
    .stopping = op_stopping,
    .schedule = op_schedule,
    .requeue = op_requeue,
    .resume = op_resume,
    .end_here = op_end_here,
    .link = op_link,
    .unlink = op_unlink,
    .free_cell = op_free_cell,
    .faulted = op_faulted,
    .contained = op_contained,
    .forgotten = op_forgotten,
    .terminated = op_terminated,
    .before_poll = op_before_poll,
    .after_poll = op_after_poll,
};

void fake_init(struct fake_sched *f)
{
    memset(f, 0, sizeof *f);
    f->base.ops = &ops;
    fail_alloc_init(&f->memory, &f->base.alloc);
    pirn__owned_init(&f->owned);
    f->poller.budget = 128;
    f->poller.polls = &f->poller.stats.polls;
    f->poller.cx.waker.vt = &pirn__task_waker_vt;
    f->poller.cx.root = &f->poller.cx;
    f->poller.cx.sched = &f->base;
    f->here = true;
}

bool fake_is_empty(struct fake_sched *f)
{
    return f->cells == 0 && f->queued == 0 && atomic_load(&f->memory.live_blocks) == 0;
}

struct header *fake_new(struct fake_sched *f, const pirn_task_desc *d, const void *frame,
                        bool joined)
{
    struct cell_layout l;
    struct header *h;
    char *memory;

    pirn__task_layout(d, &l);
    memory = f->base.alloc.alloc(f->base.alloc.user, l.bytes, l.align);
    if (memory == NULL)
        return NULL;
    h = (struct header *)(void *)(memory + l.header_offset);
    h->owned.kind = CELL_LARGE;
    pirn__task_init(h, d, &f->base, ++f->last_id, NULL, 0, joined);
    if (d->frame_size != 0)
        memcpy(cell_stage(h), frame, d->frame_size);
    f->cells++;
    return h;
}

struct header *fake_spawn(struct fake_sched *f, const pirn_task_desc *d, const void *frame,
                          bool joined)
{
    struct header *h = fake_new(f, d, frame, joined);

    if (h != NULL)
        push(f, h);
    return h;
}

struct local_notified fake_pop(struct fake_sched *f)
{
    struct header *h = f->first;

    if (h == NULL) {
        fprintf(stderr, "fake_pop: nothing is queued\n");
        abort();
    }
    f->first = h->queue_next;
    if (f->first == NULL)
        f->last = NULL;
    f->queued--;
    return (struct local_notified){h};
}

/* Calls fn(arg) as the loop of a scheduler calls what it runs. */
static void in_scope(struct fake_sched *f, void (*fn)(struct fake_sched *f, struct header *h),
                     struct header *h)
{
    struct recovery here = {.guards = pirn__scope.guards};
    struct recovery *volatile outer = pirn__scope.recovery;
    struct pirn_cx *volatile cx = pirn__scope.cx;
    volatile uint64_t id = pirn__scope.task_id;

    if (_setjmp(here.at) == 0) {
        pirn__scope.recovery = &here;
        pirn__scope.cx = &f->poller.cx;
        fn(f, h);
    } else {
        pirn__scope.cx = &f->poller.cx;
        pirn__scope.task_id = 0;
        pirn__harness_recover(&f->poller);
    }
    pirn__scope.recovery = outer;
    pirn__scope.cx = cx;
    pirn__scope.task_id = id;
}

static void run(struct fake_sched *f, struct header *h)
{
    pirn__harness_run((struct local_notified){h}, &f->poller);
}

static void cancel_queued(struct fake_sched *f, struct header *h)
{
    pirn__harness_cancel_queued((struct notified){h}, &f->poller);
}

static void shut_down(struct fake_sched *f, struct header *h)
{
    pirn__harness_shutdown((struct task){h}, &f->poller);
}

void fake_run(struct fake_sched *f, struct local_notified n)
{
    in_scope(f, run, n.cell);
}

void fake_step(struct fake_sched *f)
{
    fake_run(f, fake_pop(f));
}

unsigned fake_drain(struct fake_sched *f)
{
    unsigned ran = 0;

    for (; f->queued != 0; ran++)
        fake_step(f);
    return ran;
}

void fake_shutdown(struct fake_sched *f)
{
    struct task t;

    pirn__owned_close(&f->owned);
    while (pirn__owned_pop(&f->owned, &t))
        in_scope(f, shut_down, t.cell);
    while (f->queued != 0)
        in_scope(f, cancel_queued, fake_pop(f).cell);
}

size_t fake_word(const struct header *h)
{
    return pirn__state_load(&h->state);
}
