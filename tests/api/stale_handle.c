/* SPDX-License-Identifier: MIT */
/* Uses an abort handle after it was freed, and with it the task's cell: what stale_handle.py expects
 * the library, AddressSanitizer or valgrind to report. */
#include <pirn.h>
#include <stdio.h>

static int done_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)cx;
    (void)out;
    return 0;
}

static const pirn_task_desc done = {.size = sizeof done, .name = "done", .poll = done_poll};

int main(void)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;
    pirn_join *join;
    pirn_abort *stale;

    o.flavor = PIRN_CURRENT_THREAD;
    if (pirn_runtime_new(&o, &rt) != 0 ||
        pirn_spawn(pirn_runtime_handle(rt), &done, NULL, &join) != 0 ||
        pirn_block_on(pirn_runtime_handle(rt), &done, NULL, NULL, NULL) != 0 ||
        pirn_runtime_turn(rt, PIRN_NEVER, NULL) < 0)
        return 2;
    stale = pirn_join_abort_handle(join);
    pirn_join_free(join);
    pirn_abort_free(stale);
    puts("using it");
    fflush(stdout);
    pirn_abort_now(stale);
    puts("nobody noticed");
    return 0;
}
