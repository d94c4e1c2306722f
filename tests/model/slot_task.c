/* SPDX-License-Identifier: MIT */
/* A task that waits in a slot, by a waker that is not counted, is woken while it is shut down: is it woken
 * only while its cell is there? */
#define MODEL_WITH_TASK
#include "tests/model/slot_model.h"

static struct header *cell;
static pirn_op task_op;

static void leave(void *state)
{
    pirn__slot_clear(&slot, state);
}

static const pirn_op_kind slot_kind = {sizeof(pirn_op_kind), "slot", leave};

static int step(int task, pirn_cx *cx)
{
    struct slot_waiter *me = pirn_op_state(&task_op, cx, &slot_kind);

    (void)task;
    assert(pirn__slot_set(&slot, me, cx));
    op_set_armed(me, true);
    if (!atomic_load_explicit(&conditions[0], memory_order_seq_cst))
        return PIRN_PENDING;
    assert(told[0] == 1);
    pirn__slot_clear(&slot, me);
    pirn_op_done(&task_op);
    return 0;
}

static void setup(void)
{
    slot_reset();
    task_op.kind = NULL;
    cell = spawn(0, true);
    (void)run_mail(0);
}

static void run(unsigned thread)
{
    if (thread == 0)
        make_true(0);
    else if (thread == 1)
        (void)run_mail(0);
    else
        shut_down(0, cell);
}

static void check(void)
{
    run_rest(0);
    (void)take_result(0, cell);
    check_gone(0);
    assert(atomic_load_explicit(&slot.word, memory_order_relaxed) == SLOT_EMPTY);
    sync_check();
}

MODEL_SCENARIO("slot_task", 3)
