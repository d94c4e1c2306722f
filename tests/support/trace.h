/* SPDX-License-Identifier: MIT */
/* What happened, in order, as words in one string. */
#ifndef PIRN_TESTS_SUPPORT_TRACE_H
#define PIRN_TESTS_SUPPORT_TRACE_H

struct trace {
    char text[1024]; /* "schedule poll drop": compare it whole */
};

void trace_word(struct trace *t, const char *word);

/* Empties it. Return: what it held, valid until the next call. */
const char *trace_take(struct trace *t);

#endif
