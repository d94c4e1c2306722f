/* SPDX-License-Identifier: MIT */
/* A task that leaves its waker in a cell, then looks, while two others set their condition, then
 * wake: does it see the condition or the wake, and is every waker woken or dropped? */
#include "tests/model/task_model.h"

/* The faces of task/cx.c, of wakers that are no task's. A checker takes no function that returns a
 * struct. */
static pirn_waker cloned[MODEL_MAIN + 1];

static pirn_waker *clone_waker(const pirn_waker *w)
{
    pirn_waker *copy = &cloned[model_me()];

    copy->vt = w->vt;
    copy->data = w->vt->clone(w->data);
    return copy;
}
#define pirn_waker_clone(w) (*clone_waker(w))

void pirn_waker_wake(pirn_waker w)
{
    if (w.vt != NULL)
        w.vt->wake(w.data);
}

void pirn_waker_wake_by_ref(const pirn_waker *w)
{
    w->vt->wake_by_ref(w->data);
}

void pirn_waker_drop(pirn_waker w)
{
    if (w.vt != NULL)
        w.vt->drop(w.data);
}

bool pirn_waker_will_wake(const pirn_waker *a, const pirn_waker *b)
{
    return a->vt == b->vt && (a->vt == NULL || a->data == b->data);
}

#include "task/waker_cell.c"

static struct waker_cell cell;
static struct counted counts[2];
static struct pirn_cx contexts[2];
static atomic_int conditions[2]; /* relaxed */
static bool seen[2];             /* guard: the setter */

static pirn_waker_cell *outside(void)
{
    return (pirn_waker_cell *)(void *)&cell;
}

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return 0;
}

static void setup(void)
{
    atomic_store_explicit(&cell.state, 0, memory_order_relaxed);
    cell.waker.vt = NULL;
    cell.waker.data = NULL;
    for (int i = 0; i < 2; i++) {
        counted_reset(&counts[i], &contexts[i].waker);
        set(&conditions[i], 0);
        seen[i] = false;
    }
}

static void run(unsigned thread)
{
    if (thread < 2) {
        set(&conditions[thread], 1);
        pirn_waker_cell_wake(outside());
        return;
    }
    pirn_waker_cell_set(outside(), &contexts[0]);
    pirn_waker_cell_set(outside(), &contexts[1]);
    seen[0] = get(&conditions[0]) == 1;
    seen[1] = get(&conditions[1]) == 1;
}

static void check(void)
{
    assert((seen[0] && seen[1]) || get(&counts[1].woken) > 0);
    pirn_waker_cell_fini(outside());
    check_wakers(&counts[0]);
    check_wakers(&counts[1]);
}

MODEL_SCENARIO("waker_cell", 3)
