/* SPDX-License-Identifier: MIT */
/* What a process says when it ends on purpose: misuse, failed assertions, reports of a sanitizer. */
#ifndef PIRN_TESTS_SUPPORT_DEATH_H
#define PIRN_TESTS_SUPPORT_DEATH_H

#include <stdbool.h>

struct death {
    int signal;      /* that ended it; 0: it exited */
    int status;      /* if it exited; 0: nothing happened */
    char text[8192]; /* what stood on stderr, cut */
};

/* Calls fn(arg) in a child process. */
void death_of(void (*fn)(void *arg), void *arg, struct death *d);

/* Whether fn(arg) aborts with a text that has @word in it. */
bool dies_saying(void (*fn)(void *arg), void *arg, const char *word);

#endif
