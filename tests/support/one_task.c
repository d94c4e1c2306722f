/* SPDX-License-Identifier: MIT */
/* One scripted task on a fake scheduler: what most tests of task/ begin with. */
#include "tests/support/one_task.h"

#include <stdio.h>
#include <stdlib.h>

#include "task/task.h"

void one_init(struct one_task *o, const enum step *steps, size_t out_size)
{
    fake_init(&o->f);
    script_init(&o->s, &o->d, steps, out_size, 0);
    o->s.trace = &o->f.trace;
    o->s.user = o;
    o->h = NULL;
    o->join = NULL;
}

void one_spawn(struct one_task *o, bool joined)
{
    struct script_frame frame = script_frame(&o->s);

    if (pirn__task_check(&o->d) != 0) {
        fprintf(stderr, "one_spawn: %s\n", pirn_last_error_text());
        abort();
    }
    o->h = fake_spawn(&o->f, &o->d, &frame, joined);
    o->join = joined ? (pirn_join *)(void *)o->h : NULL;
}

void one_start(struct one_task *o, const enum step *steps)
{
    one_init(o, steps, 0);
    one_spawn(o, true);
}

const char *one_trace(struct one_task *o)
{
    return trace_take(&o->f.trace);
}

size_t one_word(const struct one_task *o)
{
    return fake_word(o->h);
}
