/* SPDX-License-Identifier: MIT */
/* A future that does what a script says, and writes down what is done to it. */
#ifndef PIRN_TESTS_SUPPORT_SCRIPT_H
#define PIRN_TESTS_SUPPORT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pirn/op.h>
#include <pirn/task.h>

#include "tests/support/trace.h"

/* Steps up to the first one that ends a poll are done in that poll. */
enum step {
    STEPS_END = 0,  /* behind the last step */
    KEEP_WAKER = 1, /* clones the waker into `kept` */
    WAKE_KEPT,      /* wakes the newest of them by value */
    DROP_KEPT,
    WAKE_SELF, /* by reference, with the borrowed waker */
    BEGIN_OP,  /* begins the next of the frame's operations */
    DONE_OP,   /* ends the newest pending one */
    CALL,      /* calls `call` */
    /* These end the poll. */
    PEND,
    PEND_FOREVER, /* pirn_pending_poll() */
    YIELD,        /* as pirn_yield_poll() does */
    READY,        /* fills the output, returns 0 */
    FAIL,         /* returns -EIO */
    FAULT,        /* pirn_fault(41) */
    CX_FAULT,     /* pirn_cx_fault(42) */
    RETURN_7,     /* returns what no poll may return */
};

enum {
    SCRIPT_STEPS = 16,
    SCRIPT_KEPT = 8,
    SCRIPT_OPS = 4
};

/* Lives as long as the task and its output; the frame points here. */
struct script {
    enum step steps[SCRIPT_STEPS];
    struct trace *trace; /* poll, drop, out_drop, drop0 .. drop3 (operations); may be NULL */
    unsigned polls, drops, out_drops, op_drops;
    uint64_t id_seen, op_id_seen; /* pirn_task_id() in the last poll or drop; in an operation's */
    pirn_waker kept[SCRIPT_KEPT];
    unsigned kept_count;
    bool drop_faults, out_drop_faults, op_drop_faults;
    void (*call)(struct script *s, pirn_cx *cx);
    void (*drop_call)(struct script *s);
    void (*out_drop_call)(struct script *s);
    void *user;
    unsigned at, ops_begun;
    size_t out_size, out_align; /* the descriptor's */
    bool out_whole;             /* the last output dropped was what READY writes */
    bool out_misaligned;        /* some poll had no room of the alignment asked for */
};

struct script_frame {
    uint32_t line; /* for PIRN_TASK_LINE; CALL may set it through `script_frame_of` */
    struct script *script;
    pirn_op op[SCRIPT_OPS];
};

/* For @steps below. */
#define STEPS(...) ((const enum step[]){__VA_ARGS__, STEPS_END})

/* Fills *@d for a script with such an output, and *@s, with a copy of @steps; outputs of one test all
 * are of one script. */
void script_init(struct script *s, pirn_task_desc *d, const enum step *steps, size_t out_size,
                 size_t out_align);

/* What fake_spawn() copies. */
struct script_frame script_frame(struct script *s);

/* Whether @out holds what READY writes. */
bool script_output_is_whole(const void *out, size_t size);

/* A waker that counts. */
struct count_waker {
    unsigned clones, wakes, refs_waked, drops;
    bool wake_faults;
    /* Called inside clone and wake, where another side may do something. */
    void (*on_clone)(struct count_waker *w);
    void (*on_wake)(struct count_waker *w);
    void *user;
};
pirn_waker count_waker(struct count_waker *w);
/* Live wakers: made (one, and every clone) and not consumed. */
int count_waker_live(const struct count_waker *w);

#endif
