/* SPDX-License-Identifier: MIT */
/* Writing to what may raise SIGPIPE and has no flag against it.
 *
 * The signal goes to the thread that writes: blocked there, it waits, and is taken back. What the
 * program itself does with SIGPIPE is left alone. */
#include "runtime/os/sigpipe.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <time.h>

static void only_sigpipe(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGPIPE);
}

void pirn__sigpipe_begin(struct sigpipe_guard *g)
{
    sigset_t set, old;

    only_sigpipe(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, &old);
    g->unblock = sigismember(&old, SIGPIPE) == 0;
    g->pending = false;
    /* Unblocked, it cannot have been waiting; blocked, one may wait for somebody. */
    if (!g->unblock && sigpending(&set) == 0)
        g->pending = sigismember(&set, SIGPIPE) == 1;
}

void pirn__sigpipe_end(const struct sigpipe_guard *g, bool raised)
{
    const struct timespec now = {0, 0};
    int saved = errno;
    sigset_t set;

    only_sigpipe(&set);
    if (raised && !g->pending)
        while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR)
            continue;
    if (g->unblock)
        (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    errno = saved;
}
