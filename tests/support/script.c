/* SPDX-License-Identifier: MIT */
/* A future that does what a script says, and writes down what is done to it. */
#include "tests/support/script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An output has no room for a pointer. */
static struct script *output_of;

static void word(struct script *s, const char *text)
{
    if (s->trace != NULL)
        trace_word(s->trace, text);
}

static void drop_op(void *state)
{
    struct script *s;
    unsigned number;
    char text[16];

    memcpy(&s, state, sizeof s);
    memcpy(&number, (char *)state + sizeof s, sizeof number);
    s->op_drops++;
    s->op_id_seen = pirn_task_id();
    (void)snprintf(text, sizeof text, "drop%u", number);
    word(s, text);
    if (s->op_drop_faults)
        pirn_fault(44, "operation %u faults", number);
}

static const pirn_op_kind op_kind = {sizeof(pirn_op_kind), "scripted", drop_op};

static void begin_op(struct script_frame *f, pirn_cx *cx)
{
    unsigned number = f->script->ops_begun++;
    void *state = pirn_op_state(&f->op[number], cx, &op_kind);

    memcpy(state, &f->script, sizeof f->script);
    memcpy((char *)state + sizeof f->script, &number, sizeof number);
}

static void fill(void *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)out)[i] = (unsigned char)(7 * i + 1);
}

bool script_output_is_whole(const void *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((const unsigned char *)out)[i] != (unsigned char)(7 * i + 1))
            return false;
    return true;
}

/* Return: true: @step ends the poll, with *@r. */
static bool end_poll(struct script *s, enum step step, pirn_cx *cx, void *out, int *r)
{
    unsigned yielded = 0;

    switch (step) {
    case PEND:
        *r = PIRN_PENDING;
        return true;
    case PEND_FOREVER:
        *r = pirn_pending_poll(cx);
        return true;
    case YIELD:
        *r = pirn_yield_poll(&yielded, cx);
        return true;
    case READY:
        fill(out, s->out_size);
        s->out_misaligned |= (uintptr_t)out % (s->out_align != 0 ? s->out_align : 1) != 0;
        *r = 0;
        return true;
    case FAIL:
        *r = -EIO;
        return true;
    case FAULT:
        pirn_fault(41, "poll %u faults", s->polls);
    case CX_FAULT:
        *r = pirn_cx_fault(cx, 42, "poll %u says so", s->polls);
        return true;
    case RETURN_7:
        *r = 7;
        return true;
    default:
        return false;
    }
}

static void do_step(struct script_frame *f, enum step step, pirn_cx *cx)
{
    struct script *s = f->script;

    switch (step) {
    case KEEP_WAKER:
        s->kept[s->kept_count++] = pirn_cx_waker(cx);
        break;
    case WAKE_KEPT:
        pirn_waker_wake(s->kept[--s->kept_count]);
        break;
    case DROP_KEPT:
        pirn_waker_drop(s->kept[--s->kept_count]);
        break;
    case WAKE_SELF:
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
        break;
    case BEGIN_OP:
        begin_op(f, cx);
        break;
    case DONE_OP:
        pirn_op_done(&f->op[--s->ops_begun]);
        break;
    case CALL:
        s->call(s, cx);
        break;
    default:
        fprintf(stderr, "script: the script ended before the task\n");
        abort();
    }
}

static int poll(void *frame, pirn_cx *cx, void *out)
{
    struct script_frame *f = frame;
    struct script *s = f->script;
    int r;

    s->polls++;
    s->id_seen = pirn_task_id();
    word(s, "poll");
    f->line = s->polls * 10;
    for (;;) {
        enum step step = s->steps[s->at < SCRIPT_STEPS - 1 ? s->at++ : s->at];

        if (end_poll(s, step, cx, out, &r))
            return r;
        do_step(f, step, cx);
    }
}

static void drop(void *frame)
{
    struct script *s = ((struct script_frame *)frame)->script;

    s->drops++;
    s->id_seen = pirn_task_id();
    word(s, "drop");
    if (s->drop_call != NULL)
        s->drop_call(s);
    if (s->drop_faults)
        pirn_fault(43, "drop faults");
}

static void out_drop(void *out)
{
    struct script *s = output_of;

    s->out_drops++;
    s->id_seen = pirn_task_id();
    s->out_whole = script_output_is_whole(out, s->out_size);
    word(s, "out_drop");
    if (s->out_drop_call != NULL)
        s->out_drop_call(s);
    if (s->out_drop_faults)
        pirn_fault(45, "out_drop faults");
}

void script_init(struct script *s, pirn_task_desc *d, const enum step *steps, size_t out_size,
                 size_t out_align)
{
    size_t n = 0;

    memset(s, 0, sizeof *s);
    memset(d, 0, sizeof *d);
    while (n < SCRIPT_STEPS - 1 && steps[n] != STEPS_END) {
        s->steps[n] = steps[n];
        n++;
    }
    s->out_size = out_size;
    s->out_align = out_align;
    output_of = s;
    d->size = sizeof *d;
    d->name = "script";
    d->poll = poll;
    d->drop = drop;
    d->frame_size = sizeof(struct script_frame);
    d->out_size = out_size;
    d->out_align = out_align;
    d->out_drop = out_drop;
}

struct script_frame script_frame(struct script *s)
{
    return (struct script_frame){.script = s};
}

/* ---- a waker that counts --------------------------------------------------------------------- */

static void *count_clone(void *data)
{
    struct count_waker *w = data;

    w->clones++;
    if (w->on_clone != NULL)
        w->on_clone(w);
    return data;
}

static void count_wake(void *data)
{
    struct count_waker *w = data;

    w->wakes++;
    if (w->on_wake != NULL)
        w->on_wake(w);
    if (w->wake_faults)
        pirn_fault(46, "the waker faults");
}

static void count_wake_by_ref(void *data)
{
    ((struct count_waker *)data)->refs_waked++;
}

static void count_drop(void *data)
{
    ((struct count_waker *)data)->drops++;
}

static const pirn_waker_vt count_vt = {
    sizeof(pirn_waker_vt), count_clone, count_wake, count_wake_by_ref, count_drop,
};

pirn_waker count_waker(struct count_waker *w)
{
    return (pirn_waker){&count_vt, w};
}

int count_waker_live(const struct count_waker *w)
{
    return 1 + (int)w->clones - (int)w->wakes - (int)w->drops;
}
