/* SPDX-License-Identifier: MIT */
/* A walker asks while a task moves from a worker that has not answered to one that has: is it
 * linked by one of them, and waited for? */
#include "tests/model/mt_asked_moved.h"

static void setup(void)
{
    mt_setup(2);
    assert(pirn__queue_push(&workers[0].queue, &cells[0]));
}

static void run(unsigned thread)
{
    struct worker *w = &workers[1];
    struct header *h;

    if (thread == 0) {
        ask();
    } else if (thread == 1) {
        serve(&workers[0]);
    } else {
        serve(w);
        h = steal_from(w, &workers[0]);
        if (h != NULL)
            assert(pirn__queue_push(&w->queue, h));
    }
}

static void check(void)
{
    struct header *h = pirn__queue_take(&workers[0].queue, false);

    assert(h == &cells[0] ||
           (h == NULL && pirn__queue_take(&workers[1].queue, false) == &cells[0]));
    mt_check();
}

MODEL_SCENARIO("mt_asked_stolen", 3)
