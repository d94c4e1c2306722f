/* SPDX-License-Identifier: MIT */
/* One scripted task on a fake scheduler: what most tests of task/ begin with. */
#ifndef PIRN_TESTS_SUPPORT_ONE_TASK_H
#define PIRN_TESTS_SUPPORT_ONE_TASK_H

#include <pirn/join.h>

#include "task/cell.h"
#include "tests/support/fake_sched.h"
#include "tests/support/script.h"

struct one_task {
    struct fake_sched f;
    struct script s;
    pirn_task_desc d;
    struct header *h;
    pirn_join *join; /* the same; NULL: detached */
};

/* Not spawned yet. */
void one_init(struct one_task *o, const enum step *steps, size_t out_size);

/* Spawns it: its Notified is queued. */
void one_spawn(struct one_task *o, bool joined);

/* Both, joined, without an output. */
void one_start(struct one_task *o, const enum step *steps);

/* What has been written down since the last call. */
const char *one_trace(struct one_task *o);

/* The word: references * 64 + bits. */
size_t one_word(const struct one_task *o);

#endif
