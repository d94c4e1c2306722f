/* SPDX-License-Identifier: MIT */
/* What is wrong with this is seen by whom? Each WRONG is one mistake, 0 is none; async.py knows who must
 * refuse, and runs what nobody can refuse: it must end with a message. */
#include <pirn.h>

#include <stdio.h>

struct frame {
    PIRN_FRAME;
    int kind, n;
    unsigned yielded, mask;
    pirn_op op;
};

static int frame_poll(void *frame, pirn_cx *cx, void *out)
{
    struct frame *f = (struct frame *)frame;
    int r, won;

    (void)out;
    PIRN_BEGIN(f);
    /* clang-format off */
#if WRONG == 1 /* two awaits on one line */
    PIRN_TRY(f, pirn_yield_poll(&f->yielded, cx)); PIRN_TRY(f, pirn_yield_poll(&f->yielded, cx));
#elif WRONG == 2 /* a select on the line of an await */
    PIRN_AWAIT(f, r = pirn_yield_poll(&f->yielded, cx)); PIRN_SELECT(f, won, r, NULL, 0, NULL, 0);
    /* clang-format on */
#elif WRONG == 3  /* an initialised local that is lost */
    const int n = f->kind;
    PIRN_TRY(f, pirn_yield_poll(&f->yielded, cx));
    f->n = n;
#elif WRONG == 4  /* a scalar that is lost */
    int n;
    n = f->kind;
    PIRN_TRY(f, pirn_yield_poll(&f->yielded, cx));
    f->n = n;
#elif WRONG == 5  /* an array of variable length crosses an await */
    char text[f->kind];
    PIRN_TRY(f, pirn_yield_poll(&f->yielded, cx));
    f->n = text[0];
#elif WRONG == 6  /* an await in a switch */
    switch (f->kind) {
    case 0:
        PIRN_TRY(f, pirn_yield_poll(&f->yielded, cx));
        break;
    default:
        break;
    }
#elif WRONG == 7  /* a branch without an op */
    PIRN_SELECT(f, won, r, &f->op, pirn_yield_poll(&f->yielded, cx), pirn_pending_poll(cx));
#elif WRONG == 8  /* nine branches */
    PIRN_SELECT(f, won, r, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0,
                NULL, 0);
#elif WRONG == 9  /* likewise */
    PIRN_JOIN_ALL(f, f->mask, r = 0, r = 0, r = 0, r = 0, r = 0, r = 0, r = 0, r = 0, r = 0);
#elif WRONG == 10 /* no end */
    PIRN_TRY(f, pirn_yield_poll(&f->yielded, cx));
    return 0;
}
#elif WRONG == 11 /* a frame without PIRN_FRAME */
    PIRN_TRY(&f->op, pirn_yield_poll(&f->yielded, cx));
#endif
#if WRONG != 10
    PIRN_AWAIT(f, r = pirn_yield_poll(&f->yielded, cx));
    if (r < 0)
        return r;
    PIRN_SELECT(f, won, r, &f->op, pirn_yield_poll(&f->yielded, cx), NULL, pirn_pending_poll(cx));
    f->n += won + r;
    PIRN_JOIN_ALL(f, f->mask, f->n = pirn_yield_poll(&f->yielded, cx));
    PIRN_END(f);
}
#endif

static const pirn_task_desc frame_task = PIRN_TASK_INIT("frame", struct frame, frame_poll, NULL);
PIRN_TYPED(frame, struct frame, void)

int main(void)
{
#if WRONG == 12 /* another frame's */
    struct other {
        int n;
    } frame = {0};
#else
        static struct frame frame;
#endif
    pirn_join *j;
    int r = frame_spawn(NULL, &frame, &j);

    r = r == PIRN_ENORUNTIME ? 0 : 1;
    while (r == 0 && pirn_poll_with(NULL, frame_poll, &frame, NULL) == PIRN_PENDING)
        continue;
    return r;
}
