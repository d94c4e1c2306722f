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

/* @raised: the call in between has failed with EPIPE: its signal is taken back. Keeps errno. */
void pirn__sigpipe_end(const struct sigpipe_guard *g, bool raised);

#endif
