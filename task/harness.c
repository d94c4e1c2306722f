/* SPDX-License-Identifier: MIT */
/* Running a task: poll, cancel, complete, free.
 *
 * The order at a task's end is the same for done, abort, fault and shutdown: pending operations
 * are dropped, newest first; then the frame; then the result is stored; then COMPLETE is published
 * and the join waker woken. A joiner that sees COMPLETE knows that the frame is gone.
 *
 * A task with groups whose children are alive settles first: the end is put off, before anything is
 * dropped, until the last of them is gone (task/settle.h). */
#include "task/harness.h"

#include <pirn/frame.h>

#include "task/base/assert.h"
#include "task/base/scope.h"
#include "task/fault.h"
#include "task/group.h"
#include "task/move.h"
#include "task/op.h"
#include "task/task.h"
#include "task/waker.h"

/* ---- what is said of a task --------------------------------------------------------------- */

/* From the words of a cell, of which the cell may be gone. */
static void facts_of(struct task_facts *f, uint64_t site, uint64_t born, uint64_t seen)
{
    f->spawn_site = (const void *)(uintptr_t)(site & CELL_SITE_MASK);
    f->worker = (uint32_t)(site >> CELL_SITE_BITS);
    f->spawned_tick = born & CELL_TICK_MASK;
    f->polls = (uint32_t)(born >> CELL_TICK_BITS);
    f->last_poll_tick = seen & CELL_TICK_MASK;
    f->await_line = (uint32_t)(seen >> CELL_TICK_BITS & CELL_LINE_MAX);
    f->forever = seen & CELL_FOREVER;
}

void pirn__harness_facts(const struct header *h, struct task_facts *f)
{
    /* mo: relaxed, all three: figures for people. */
    uint64_t site = atomic_load_explicit(&h->site, memory_order_relaxed);
    uint64_t born = atomic_load_explicit(&h->born, memory_order_relaxed);
    uint64_t seen = atomic_load_explicit(&h->seen, memory_order_relaxed);

    facts_of(f, site, born, seen);
    f->id = h->id;
    f->desc = h->desc;
    f->state = pirn__state_peek(&h->state) & ~STATE_REPLACED;
    if ((f->state & (STATE_RUNNING | STATE_SETTLING)) == STATE_RUNNING) {
        f->await_line = 0; /* where it was before this poll */
        f->forever = false;
    }
}

/* Of the task that @p polls, or has polled just now: what its cell is told only when it waits. */
static void running_facts(const struct header *h, const struct poller *p, struct task_facts *f)
{
    pirn__harness_facts(h, f);
    f->last_poll_tick = p->tick & CELL_TICK_MASK;
    f->await_line = 0;
    f->forever = false;
}

/* For dumps. */
static void publish_running(struct poller *p, const struct header *h, uint64_t site, uint64_t born,
                            uint64_t seen)
{
    /* The words change one after the other; a reader takes the others only between two equal ids, and
     * sees id 0, as the end of the poll before left it, if one of them is newer than the first. */
    /* mo: release, all four, pairs with [slot] in pirn__walk_running(). */
    atomic_store_explicit(&p->running_desc, h->desc, memory_order_release);
    atomic_store_explicit(&p->running_site, site, memory_order_release);
    atomic_store_explicit(&p->running_born, born, memory_order_release);
    atomic_store_explicit(&p->running_seen, seen, memory_order_release);
    /* mo: release pairs with [slot] there: the name belongs to this id. */
    atomic_store_explicit(&p->running_id, h->id, memory_order_release);
}

/* Before a poll: one more, the tick, and who. Holding RUNNING, so load and store need not be one. */
static void note_poll(struct header *h, struct poller *p)
{
    /* mo: relaxed: figures for walkers; this thread is the only writer. */
    uint64_t born = atomic_load_explicit(&h->born, memory_order_relaxed);
    uint64_t site, worker;

    if (LIKELY(born < CELL_POLLS_MAX << CELL_TICK_BITS))
        born += UINT64_C(1) << CELL_TICK_BITS;
    atomic_store_explicit(&h->born, born, memory_order_relaxed);
    /* mo: as above. */
    site = atomic_load_explicit(&h->site, memory_order_relaxed);
    worker = atomic_load_explicit(&p->worker, memory_order_relaxed);
    if (UNLIKELY(site >> CELL_SITE_BITS != worker)) {
        site = (site & CELL_SITE_MASK) | worker << CELL_SITE_BITS;
        atomic_store_explicit(&h->site, site, memory_order_relaxed);
    }
    publish_running(p, h, site, born, p->tick & CELL_TICK_MASK);
}

/* The source line in the first word of a frame; 0: none. */
static uint64_t await_line(struct header *h)
{
    const pirn_task_desc *d = h->desc;
    uint32_t word;

    if (UNLIKELY(!(d->flags & (PIRN_TASK_LINE | PIRN_TASK_FRAME)) || d->frame_size < sizeof word))
        return 0;
    word = *(const uint32_t *)cell_stage(h);
    if (LIKELY(word - PIRN_FRAME_MARK < UINT32_C(1) << PIRN_LINE_BITS))
        return word - PIRN_FRAME_MARK;
    if (!(d->flags & PIRN_TASK_LINE))
        return 0;
    return word < CELL_LINE_MAX ? word : CELL_LINE_MAX;
}

/* After a poll that returned pending: when it was, where the task waits, if the frame says, and whether
 * a waker that is not counted may wake it, or nothing, on purpose. Return: the word of the cell. */
static uint64_t note_pend(struct header *h, const struct poller *p, bool forever)
{
    uint64_t seen = p->tick & CELL_TICK_MASK;

    seen |= await_line(h) << CELL_TICK_BITS;
    if (forever)
        seen |= CELL_FOREVER;
    /* mo: relaxed: figures for walkers; this thread is the only writer. */
    atomic_store_explicit(&h->seen, seen, memory_order_relaxed);
    return seen;
}

/* Of a task that was polled just now; its cell may be gone. */
static COLD void tell_forgotten(struct sched *s, const struct poller *p, uint64_t id, uint64_t seen,
                                uint64_t state)
{
    struct task_facts facts;

    /* mo: relaxed, all three: this thread wrote them. */
    facts_of(&facts, atomic_load_explicit(&p->running_site, memory_order_relaxed),
             atomic_load_explicit(&p->running_born, memory_order_relaxed), seen);
    facts.id = id;
    /* mo: relaxed. As above. */
    facts.desc = atomic_load_explicit(&p->running_desc, memory_order_relaxed);
    facts.state = state & ~STATE_REPLACED;
    s->ops->forgotten(s, &facts);
}

/* Where a poll may write its output. */
static void *output_room(struct header *h, struct poller *p)
{
    const pirn_task_desc *d = h->desc;

    if (LIKELY(d->out_size == 0))
        return NULL;
    if (LIKELY(d->out_size <= SCRATCH_BYTES && d->out_align <= SCRATCH_ALIGN))
        return p->scratch;
    return pirn__task_output_room(h);
}

/* ---- ending -------------------------------------------------------------------------------- */

struct drop_call {
    void (*drop)(void *);
    void *object;
};

static void call_drop(void *arg)
{
    const struct drop_call *c = arg;

    c->drop(c->object);
}

/* Contained, and under the task's id. Return: false: it faulted. */
static bool drop_contained(uint64_t id, void (*drop)(void *), void *object)
{
    struct drop_call c = {drop, object};
    uint64_t was = scope_swap_id(id);
    bool whole = pirn__contain_busy(call_drop, &c);

    (void)scope_swap_id(was);
    return whole;
}

/* The same for what may fault without consequence: counted. */
static void drop_counted(struct sched *s, uint64_t id, void (*drop)(void *), void *object)
{
    if (!drop_contained(id, drop, object))
        s->ops->contained(s);
}

static void drop_op(struct pirn_op *op, struct sched *s)
{
    if (!pirn__contain_busy(pirn__op_drop_listed, op))
        s->ops->contained(s);
}

void pirn__harness_drop_ops(struct pirn_op **ops, struct sched *s, uint64_t id)
{
    uint64_t was = scope_swap_id(id);
    struct pirn_op *op;

    while ((op = pirn__op_before_frame(*ops)) != NULL)
        drop_op(op, s);
    (void)scope_swap_id(was);
}

void pirn__harness_drop_last(struct pirn_op **ops, struct sched *s, uint64_t id)
{
    uint64_t was = scope_swap_id(id);

    while (*ops != NULL)
        drop_op(*ops, s);
    (void)scope_swap_id(was);
}

void pirn__harness_drop_output(struct header *h)
{
    if (h->desc->out_drop != NULL && h->desc->out_size != 0)
        drop_counted(h->sched, h->id, h->desc->out_drop, cell_stage(h));
}

static bool has_output(const struct header *h)
{
    return h->owned.outcome == OUTCOME_DONE && h->end.code == 0;
}

/* The fault in the scope, before another one overwrites it. */
static void keep_fault(struct header *h, struct ending *e)
{
    e->how = SETTLE_FAULTED;
    e->fault = pirn__fault_record_new(&h->sched->alloc);
    e->code = pirn__fault_code();
}

static void store_fault(struct header *h, const struct ending *e)
{
    if (e->fault != NULL) {
        h->end.fault = e->fault;
        h->owned.outcome = OUTCOME_FAULTED;
    } else {
        h->end.code = e->code;
        h->owned.outcome = OUTCOME_FAULTED_PLAIN;
    }
}

/* The result is stored, RUNNING is held, and with it one reference: tell the joiner, give up
 * everything. */
static void complete(struct header *h, struct poller *p, bool owned_given, size_t word)
{
    struct sched *s = h->sched;
    bool tell = s->watch & WATCH_TERMINATE;
    bool read = (word & (STATE_JOIN_WAKER | STATE_REPLACED)) == STATE_JOIN_WAKER;
    struct task_facts facts;
    pirn_waker w = {NULL, NULL};
    /* The runner's, and the list's: which travelled with the Notified, or is in the list unless
     * the closer took it, or came with this call. */
    size_t refs = 2 - (owned_given || (cell_is_linked(h) && !s->ops->unlink(s, h)));

    if (UNLIKELY(tell))
        running_facts(h, p, &facts);
    poller_idle(p); /* before it counts as finished: it is shown as running no longer */
    stat_add(&p->stats.finished, 1);
    if (read) {
        w.vt = slot_vt(&h->join_waker);
        w.data = slot_data(&h->join_waker);
    }
    switch (pirn__state_to_complete(&h->state, refs, word, read)) {
    case COMPLETE_DONE:
        break;
    case COMPLETE_WAKE_DONE:
        pirn__waker_wake_contained(&w, s);
        break;
    case COMPLETE_WAKE:
        w.vt = slot_vt(&h->join_waker);
        w.data = slot_data(&h->join_waker);
        pirn__waker_wake_contained(&w, s);
        if (pirn__state_ref_dec(&h->state, refs))
            pirn__harness_free(h);
        break;
    case COMPLETE_UNJOINED:
        if (has_output(h))
            pirn__harness_drop_output(h);
        if (pirn__state_to_complete_unjoined(&h->state, refs))
            pirn__harness_free(h);
        break;
    }
    if (UNLIKELY(tell)) {
        facts.state = (facts.state & ~(STATE_RUNNING | STATE_JOIN_WAKER)) | STATE_COMPLETE;
        s->ops->terminated(s, &facts);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

/* The fault in the scope is the task's result; its frame is gone. RUNNING is held. @output: there is
 * one, which nobody will take. */
static COLD void complete_faulted(struct header *h, struct poller *p, bool owned_given, bool output)
{
    struct task_facts facts;
    struct ending e;

    keep_fault(h, &e);
    store_fault(h, &e);
    stat_add(&p->stats.faults, 1);
    running_facts(h, p, &facts);
    h->sched->ops->faulted(h->sched, &facts, pirn__fault_code(), pirn__fault_text());
    if (output && h->desc->out_drop != NULL)
        drop_counted(h->sched, h->id, h->desc->out_drop, output_room(h, p));
    complete(h, p, owned_given, pirn__state_load(&h->state));
}

/* What was a task's poll, or its cancel, is over, and no child is alive. RUNNING is held. An output is
 * where the poll wrote it. */
static COLD void end_contained(struct header *h, struct poller *p, const struct ending *e)
{
    struct pirn_op *ops = h->end.ops;
    struct pirn_op **was = scope_swap_dropping(&ops);
    bool whole = true;

    if (e->how == SETTLE_FAULTED)
        store_fault(h, e);
    if (ops != NULL) {
        pirn__op_rehead(&ops);
        pirn__harness_drop_ops(&ops, h->sched, h->id);
    }
    if (h->desc->drop != NULL)
        whole = drop_contained(h->id, h->desc->drop, cell_stage(h));
    if (ops != NULL)
        pirn__harness_drop_last(&ops, h->sched, h->id);
    (void)scope_swap_dropping(was);
    if (e->how == SETTLE_FAULTED) {
        if (!whole)
            h->sched->ops->contained(h->sched);
    } else if (!whole) {
        complete_faulted(h, p, e->owned_given, e->output);
        return;
    } else if (e->how == SETTLE_CANCELLED) {
        h->end.code = -ECANCELED;
        h->owned.outcome = OUTCOME_CANCELLED;
    } else {
        h->end.code = e->code;
        h->owned.outcome = OUTCOME_DONE;
        if (e->output)
            pirn__move_bytes(cell_stage(h), output_room(h, p), h->desc->out_size);
    }
    complete(h, p, e->owned_given, pirn__state_load(&h->state));
}

/* RUNNING is held: drop the frame instead of polling it. */
static COLD void cancel(struct header *h, struct poller *p, bool owned_given)
{
    const struct ending e = {SETTLE_CANCELLED, -ECANCELED, NULL, false, owned_given};

    if (h->end.ops == NULL || !pirn__settle_first(h, p, &e))
        end_contained(h, p, &e);
}

/* A poll faulted: the frame's drop still runs, contained. @tell_poll: the hook after the poll has not
 * been called. */
static COLD void finish_faulted(struct header *h, struct poller *p, bool tell_poll)
{
    struct sched *s = h->sched;
    struct ending e = {SETTLE_FAULTED, 0, NULL, false, false};
    struct task_facts facts;

    keep_fault(h, &e);
    stat_add(&p->stats.faults, 1);
    running_facts(h, p, &facts);
    s->ops->faulted(s, &facts, pirn__fault_code(), pirn__fault_text());
    if (tell_poll)
        s->ops->after_poll(s, &facts);
    if (h->end.ops == NULL || !pirn__settle_first(h, p, &e))
        end_contained(h, p, &e);
}

/* RUNNING is held, and no child is left: go on where the poll ended. */
static COLD void end_settled(struct header *h, struct poller *p, bool owned_given)
{
    const struct settle *s = pirn__groups_record(h->end.ops);
    struct ending e;

    pirn__settle_copy(&e, &s->ending);
    e.owned_given = e.owned_given || owned_given;
    if (e.output && pirn__task_uses_scratch(h->desc))
        pirn__move_bytes(p->scratch, s->room, h->desc->out_size); /* the drop may free the group */
    pirn__groups_drop_results(h->end.ops);
    end_contained(h, p, &e);
}

void pirn__harness_end_here(struct settle *s, struct poller *p)
{
    struct header *h = s->waits;

    pirn__state_end_settling(&h->state);
    end_settled(h, p, true);
}

/* ---- one poll ------------------------------------------------------------------------------ */

/* With operations pending: all is contained. */
static COLD void finish_with_ops(struct header *h, struct poller *p, int code, bool output)
{
    const struct ending e = {SETTLE_DONE, code, NULL, output, false};

    if (!pirn__settle_first(h, p, &e))
        end_contained(h, p, &e);
}

/* The poll returned 0 or a negative code. The frame is dropped before the output moves to where it
 * was; a fault of the drop comes back through the recovery point as PHASE_DROP. */
static void finish(struct header *h, struct poller *p, int code, const void *out, size_t word)
{
    if (UNLIKELY(h->end.ops != NULL)) {
        finish_with_ops(h, p, code, out != NULL && code == 0);
        return;
    }
    if (h->desc->drop != NULL) {
        p->phase = out != NULL && code == 0 ? PHASE_DROP_WITH_OUTPUT : PHASE_DROP;
        scope_add_busy(p->blocking); /* a blocking poll is not, its drop is; others are anyway */
        h->desc->drop(cell_stage(h));
        scope_add_busy(-(int)p->blocking);
        p->phase = PHASE_NONE;
    }
    h->end.code = code;
    h->owned.outcome = OUTCOME_DONE;
    if (out != NULL && code == 0)
        pirn__move_bytes(cell_stage(h), out, h->desc->out_size);
    complete(h, p, false, word);
}

/* The poll returned pending: link at the first time, give RUNNING up. */
static void pend(struct header *h, struct poller *p, size_t word)
{
    struct sched *s = h->sched;
    uint64_t id = h->id, seen;
    bool woken = p->cx.self_woken;
    bool forever = p->cx.forever;

    if (!woken && h->end.ops != NULL)
        forever = pirn__op_before_wait(h->end.ops, h) || forever;
    seen = note_pend(h, p, forever);
    /* A task that is woken already is in a queue next, where a closer finds it as well. */
    if (!woken && !cell_is_linked(h) && !s->ops->link(s, h))
        pirn__state_cancel_queued(&h->state);
    poller_idle(p); /* after it was linked: walkers find it in one place or the other */
    /* Nothing of the cell may be read after T2. */
    switch (pirn__state_to_idle(&h->state, woken, word)) {
    case IDLE_DONE:
        break;
    case IDLE_FORGOTTEN:
        if (!forever)
            tell_forgotten(s, p, id, seen, word);
        break;
    case IDLE_FREE:
        pirn__harness_free(h);
        break;
    case IDLE_REQUEUE:
        s->ops->requeue(s, (struct notified){h}, p->cx.yielding);
        break;
    case IDLE_CANCEL:
        cancel(h, p, false);
        break;
    }
}

static COLD void tell_hook(void (*hook)(struct sched *, const struct task_facts *),
                           const struct header *h, const struct poller *p)
{
    struct task_facts facts;

    running_facts(h, p, &facts);
    hook(h->sched, &facts);
}

static void poll_once(struct header *h, struct poller *p, size_t word)
{
    struct sched *s = h->sched;
    const pirn_task_desc *d = h->desc;
    struct pirn_cx *cx = &p->cx;
    void *out = output_room(h, p);
    int r;

    (void)scope_swap_id(h->id); /* who runs us sets it back */

    cx->waker.data = h;
    cx->cell = h;
    cx->ops = &h->end.ops;
    cx->budget = cx->budget_full =
        UNLIKELY(d->flags & PIRN_TASK_UNCONSTRAINED) ? PIRN_UNLIMITED : p->budget;
    cx->self_woken = cx->yielding = cx->forever = cx->faulted = cx->exhausted = false;
    cx->now = 0;
    note_poll(h, p);
    stat_add(p->polls, 1);
    if (UNLIKELY(s->watch & WATCH_POLL))
        tell_hook(s->ops->before_poll, h, p);

    p->phase = PHASE_POLL;
    r = d->poll(cell_stage(h), cx, out);
    p->phase = PHASE_NONE;

    if (UNLIKELY(s->watch & WATCH_POLL))
        tell_hook(s->ops->after_poll, h, p);
    cx->cell = NULL;
    cx->ops = NULL;
    if (UNLIKELY(cx->exhausted))
        stat_add(&p->stats.budget_yields, 1);
    if (UNLIKELY(cx->faulted || r > PIRN_PENDING || (r == PIRN_PENDING && p->blocking))) {
        if (!cx->faulted)
            pirn__fault_note(r, "poll of \"%s\" returned %d, which is neither 0%s nor negative",
                             d->name != NULL ? d->name : "task", r,
                             p->blocking ? "" : ", PIRN_PENDING");
        finish_faulted(h, p, false);
    } else if (LIKELY(r == PIRN_PENDING)) {
        pend(h, p, word);
    } else {
        finish(h, p, r, out, word);
    }
}

void pirn__harness_run(struct local_notified n, struct poller *p)
{
    struct header *h = n.cell;
    size_t word;

    switch (pirn__state_to_running(&h->state, &word)) {
    case RUN_POLL:
        poll_once(h, p, word);
        break;
    case RUN_CANCEL:
        cancel(h, p, false);
        break;
    case RUN_END:
        end_settled(h, p, false);
        break;
    case RUN_SKIP:
        break;
    case RUN_FREE:
        pirn__harness_free(h);
        break;
    }
}

void pirn__harness_recover(struct poller *p)
{
    /* cx.waker.data names the task in both phases; cx.cell only while its poll runs. */
    struct header *h = p->cx.waker.data;
    enum poll_phase phase = p->phase;

    ASSERT(phase != PHASE_NONE);
    p->phase = PHASE_NONE;
    p->cx.cell = NULL;
    p->cx.ops = NULL;
    if (phase == PHASE_POLL) {
        finish_faulted(h, p, h->sched->watch & WATCH_POLL);
    } else {
        complete_faulted(h, p, false, phase == PHASE_DROP_WITH_OUTPUT);
    }
}

void pirn__harness_cancel_queued(struct notified n, struct poller *p)
{
    pirn__state_cancel_queued(&n.cell->state);
    pirn__harness_run((struct local_notified){n.cell}, p);
}

void pirn__harness_shutdown(struct task t, struct poller *p)
{
    switch (pirn__state_to_shutdown(&t.cell->state)) {
    case SHUTDOWN_CANCEL:
        cancel(t.cell, p, true);
        break;
    case SHUTDOWN_END:
        end_settled(t.cell, p, true);
        break;
    case SHUTDOWN_SKIP:
        if (pirn__state_ref_dec(&t.cell->state, 1))
            pirn__harness_free(t.cell);
        break;
    }
}

void pirn__harness_free(struct header *h)
{
    struct sched *s = h->sched;

    if (UNLIKELY(h->owned.outcome == OUTCOME_FAULTED || h->owned.outcome == OUTCOME_TAKEN_FAULT))
        pirn__fault_record_free(&s->alloc, h->end.fault);
    s->ops->free_cell(s, h);
}
