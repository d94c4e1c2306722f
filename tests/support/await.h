/* SPDX-License-Identifier: MIT */
/* An operation that is awaited, by hand under a waker that counts or by a task of the fake scheduler,
 * and what it came to. */
#ifndef PIRN_TESTS_SUPPORT_AWAIT_H
#define PIRN_TESTS_SUPPORT_AWAIT_H

#include <pirn/op.h>

#include "tests/support/fake_sched.h"
#include "tests/support/script.h"

enum {
    AWAIT_NOT_YET = 99
};

struct await {
    int (*poll)(struct await *a, pirn_cx *cx);
    pirn_op op;
    void *object;
    uint32_t n;
    void *out;
    struct count_waker waker;
    int result; /* of the last poll; AWAIT_NOT_YET: there was none */
    unsigned polls;
};

void await_init(struct await *a, int (*poll)(struct await *a, pirn_cx *cx), void *object,
                void *out);

/* Once. Return: what it returned. */
int await_poll(struct await *a);

/* As a detached task, queued; it ends with the operation. Its references are the caller's to know. */
struct header *await_spawn(struct fake_sched *f, struct await *a);

/* Cancels the task, as an abort does; it still has to run. */
void await_abort(struct fake_sched *f, struct header *h);

/* As a new one: every waker it made is gone, no op pends. Return: whether that is so. */
bool await_is_clean(const struct await *a);

#endif
