/* SPDX-License-Identifier: MIT */
/* Does a program outside the library get its task's answer? Written against <pirn.h> alone, in
 * what C11 and C++17 share; built in this tree, as a subproject's user, and from the installed
 * library. */
#ifdef _GNU_SOURCE
#    define HAD_GNU_SOURCE 1
#else
#    define HAD_GNU_SOURCE 0
#endif

#include <pirn.h>

#include <stdio.h>

struct square {
    unsigned yielded;
    int n;
};

struct root {
    pirn_join *join;
    int drops_seen;
};

static int square_drops;

static int square_poll(void *frame, pirn_cx *cx, void *out)
{
    struct square *f = (struct square *)frame;

    if (pirn_yield_poll(&f->yielded, cx) == PIRN_PENDING) {
        return PIRN_PENDING;
    }
    *(int *)out = f->n * f->n;
    return 0;
}

static void square_drop(void *frame)
{
    (void)frame;
    square_drops++;
}

static const pirn_task_desc square_desc = {
    sizeof(pirn_task_desc),
    "square",
    square_poll,
    square_drop,
    sizeof(struct square),
    0,
    sizeof(int),
    0,
    NULL,
    0,
};

static int root_poll(void *frame, pirn_cx *cx, void *out)
{
    struct root *f = (struct root *)frame;
    pirn_result res;
    int err;

    if (!f->join) {
        struct square square = {0, 12};

        err = pirn_spawn(NULL, &square_desc, &square, &f->join);
        if (err) {
            return err;
        }
    }
    err = pirn_join_poll(f->join, cx, &res, out);
    if (err) {
        return err;
    }
    f->drops_seen = square_drops;
    pirn_join_free(f->join);
    return pirn_result_status(&res);
}

static const pirn_task_desc root_desc = {
    sizeof(pirn_task_desc),
    "root",
    root_poll,
    NULL,
    sizeof(struct root),
    0,
    sizeof(int),
    0,
    NULL,
    0,
};

int main(void)
{
    pirn_runtime_opts opts = PIRN_RUNTIME_OPTS_INIT;
    struct root root = {NULL, 0};
    pirn_result res;
    int answer = 0;
    int err;

    opts.flavor = PIRN_CURRENT_THREAD;
    err = pirn_run(&opts, &root_desc, &root, &res, &answer);
    if (err) {
        fprintf(stderr, "pirn_run: %s: %s\n", pirn_strerror(err), pirn_last_error_text());
        return 1;
    }
    err = pirn_result_status(&res);
    if (err || answer != 144 || root.drops_seen != 1 || square_drops != 1) {
        fprintf(stderr, "status %d, answer %d, drops %d then %d\n", err, answer, root.drops_seen,
                square_drops);
        return 1;
    }
#ifndef __cplusplus
    if (HAD_GNU_SOURCE) {
        fprintf(stderr, "using pirn defines _GNU_SOURCE\n");
        return 1;
    }
#endif
    return 0;
}
