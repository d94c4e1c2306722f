/* SPDX-License-Identifier: MIT */
/* Writing to what may raise SIGPIPE and has no flag against it: pipes, and sendfile(). */
#ifndef PIRN_RUNTIME_OS_SIGPIPE_H
#define PIRN_RUNTIME_OS_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

/* What a guard has changed. */
struct sigpipe_guard {
    bool unblock; /* this thread had the signal unblocked */
    bool pending; /* and there was one, which is not ours */
};

void pirn__sigpipe_begin(struct sigpipe_guard *g);

/* @raised: the call in between may have raised it, and then it is taken back: it has failed, or written
 * less than it was given, for the peer may have gone while it wrote. Keeps errno. */
void pirn__sigpipe_end(const struct sigpipe_guard *g, bool raised);

#endif
