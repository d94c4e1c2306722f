/* SPDX-License-Identifier: MIT */
/* Putting a task's end off until the last child of its groups is gone.
 *
 * RUNNING is what goes from hand to hand: the runner leaves it to the record, and whoever counts the
 * record down to 0 has it. Its steps: docs/design/task-state.md, "Settling". */
#include "task/settle.h"

#include "task/cell.h"
#include "task/cx.h"
#include "task/group.h"
#include "task/harness.h"
#include "task/move.h"
#include "task/task.h"

void pirn__settle_copy(struct ending *to, const struct ending *from)
{
    to->how = from->how;
    to->code = from->code;
    to->fault = from->fault;
    to->output = from->output;
    to->owned_given = from->owned_given;
}

/* The last child is gone; RUNNING has become the caller's. */
static void task_settled(struct settle *s)
{
    struct header *h = s->waits;
    struct sched *sched = h->sched;
    bool outside;

    if (s->ending.owned_given) {
        sched->ops->end_here(sched, s);
        return;
    }
    /* The task may end as soon as it is in a queue, and its scheduler with it: a second reference
     * keeps both until we have done with them. */
    outside = !sched_is_here(sched);
    if (outside)
        pirn__state_ref_inc(&h->state);
    pirn__state_to_settled(&h->state);
    sched->ops->resume(sched, (struct notified){h});
    if (outside && pirn__state_ref_dec(&h->state, 1))
        pirn__harness_free(h);
}

COLD bool pirn__settle_first(struct header *h, struct poller *p, const struct ending *e)
{
    struct settle *s = pirn__groups_record(h->end.ops);

    if (s == NULL)
        return false;
    settle_begin(s, task_settled, h);
    pirn__groups_close(h->end.ops, s);
    if (!settle_is_alone(s)) {
        pirn__settle_copy(&s->ending, e);
        if (e->output && pirn__task_uses_scratch(h->desc))
            pirn__move_bytes(s->room, p->scratch, h->desc->out_size);
        /* For dumps; refused by a closed list it is in none, which only a task that waits must not be. */
        if (!cell_is_linked(h))
            (void)h->sched->ops->link(h->sched, h);
        poller_idle(p);
        pirn__state_to_settling(&h->state);
        if (!settle_give(s))
            return true;
        pirn__state_end_settling(&h->state);
    }
    pirn__groups_drop_results(h->end.ops);
    return false;
}
