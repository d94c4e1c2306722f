/* SPDX-License-Identifier: MIT */
/* Do signals come to who waits for them, to all of them, and once? Every test is a process. */
#include "flavors.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct waiting {
    int signo;
    _Atomic(int) pending;
    pirn_op op;
    pirn_join *join;
};

static int waiting_poll(void *waiting, pirn_cx *cx, int *out)
{
    struct waiting *w = waiting;
    int r = pirn_signal_poll(&w->op, cx, w->signo);

    if (r == PIRN_PENDING) {
        w->pending++;
        return r;
    }
    *out = r;
    return 0;
}

static int waiting_step(void *waiting, pirn_cx *cx, void *out)
{
    return waiting_poll(waiting, cx, out);
}

static void start(pirn_handle *h, struct waiting *w)
{
    w->pending = 0;
    w->join = spawn(h, waiting_poll, w);
}

static void start_and_wait(pirn_handle *h, struct waiting *w)
{
    start(h, w);
    run_until(h, &w->pending, 1);
}

static void what_cannot_be_waited_for(struct flavor flavor)
{
    const int bad[] = {0, -1, 65, 1000, SIGKILL, SIGSTOP, SIGILL, SIGFPE, SIGSEGV, 32};
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct waiting w = {.signo = bad[i]};

        start(h, &w);
        ends_done(h, w.join, -EINVAL);
        CHECK(!pirn_op_is_pending(&w.op));
    }
    rt_free(rt);
}
EACH_FLAVOR(signal, what_cannot_be_waited_for)

Test(signal, outside_of_a_runtime)
{
    struct waiting w = {.signo = SIGUSR1};
    int out = 0;

    EQ(pirn_poll_with(NULL, waiting_step, &w, &out), 0);
    EQ(out, PIRN_ENORUNTIME);
    EQ(pirn_poll_with(NULL, waiting_step, &(struct waiting){.signo = 70}, &out), 0);
    EQ(out, -EINVAL);
    SAYS("70");
}

static void told_when_it_comes(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct waiting w = {.signo = SIGUSR1}, other = {.signo = SIGUSR2};

    start_and_wait(h, &other);
    for (int i = 0; i < 10; i++) {
        start_and_wait(h, &w);
        CHECK(!pirn_join_is_finished(w.join));
        EQ(raise(SIGUSR1), 0);
        ends_done(h, w.join, 0);
    }
    CHECK(!pirn_join_is_finished(other.join));
    EQ(raise(SIGUSR2), 0);
    ends_done(h, other.join, 0);
    rt_free(rt);
}
EACH_FLAVOR(signal, told_when_it_comes)

static void realtime_ones_too(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct waiting w = {.signo = SIGRTMAX};

    start_and_wait(h, &w);
    EQ(raise(SIGRTMAX), 0);
    ends_done(h, w.join, 0);
    rt_free(rt);
}
EACH_FLAVOR(signal, realtime_ones_too)

/* Several that came while nobody waited are one for the next, and no more. */
static void kept_since_the_first_call(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct waiting w = {.signo = SIGUSR1};

    start_and_wait(h, &w);
    pirn_join_abort(w.join); /* a first call that came to nothing */
    ends_as(h, w.join, PIRN_CANCELLED, -ECANCELED);
    for (int i = 0; i < 3; i++)
        EQ(raise(SIGUSR1), 0);
    start(h, &w);
    ends_done(h, w.join, 0);
    start_and_wait(h, &w);
    EQ(block_on(h, ready_poll, NULL), 0);
    CHECK(!pirn_join_is_finished(w.join));
    EQ(raise(SIGUSR1), 0);
    ends_done(h, w.join, 0);
    rt_free(rt);
}
EACH_FLAVOR(signal, kept_since_the_first_call)

enum {
    MANY = 12 /* more than a list of wakes has room for */
};

static void all_who_wait_get_it(struct flavor flavor)
{
    const pirn_waker none = {NULL, NULL};
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct waiting w[MANY], foreign[MANY];
    struct wakes wakes[MANY] = {{0}};
    pirn_enter guard;
    int out = -1;

    EQ(pirn_handle_enter(h, &guard), 0);
    for (int i = 0; i < MANY; i++) {
        pirn_waker k = wakes_waker(&wakes[i]);

        w[i] = foreign[i] = (struct waiting){.signo = SIGHUP};
        EQ(pirn_poll_with(&k, waiting_step, &foreign[i], &out), PIRN_PENDING);
        pirn_waker_drop(k);
    }
    pirn_enter_exit(&guard);
    for (int i = 0; i < MANY; i++)
        start_and_wait(h, &w[i]);
    EQ(raise(SIGHUP), 0);
    for (int i = 0; i < MANY; i++)
        ends_done(h, w[i].join, 0);
    for (int i = 0; i < MANY; i++) {
        EQ(pirn_poll_with(&none, waiting_step, &foreign[i], &out), 0);
        EQ(out, 0);
        EQ(wakes[i].woken, 1);
        EQ(wakes[i].clones, wakes[i].drops);
    }
    rt_free(rt);
}
EACH_FLAVOR(signal, all_who_wait_get_it)

/* Told, but dropped before it was polled: then it is the next one's. */
static void a_dropped_one_passes_it_on(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct waiting w = {.signo = SIGUSR1}, next = {.signo = SIGUSR1};
    struct wakes wakes = {0};
    pirn_waker k = wakes_waker(&wakes);
    _Atomic(int) *woken = &wakes.woken;
    pirn_enter guard;
    int out = -1;

    EQ(pirn_handle_enter(h, &guard), 0);
    EQ(pirn_poll_with(&k, waiting_step, &w, &out), PIRN_PENDING);
    pirn_waker_drop(k);
    pirn_enter_exit(&guard);
    EQ(raise(SIGUSR1), 0);
    run_until(h, woken, 1);
    pirn_op_drop(&w.op);
    EQ(wakes.clones, wakes.drops);
    start(h, &next);
    ends_done(h, next.join, 0);
    rt_free(rt);
}
EACH_FLAVOR(signal, a_dropped_one_passes_it_on)

static void every_runtime_hears_of_it(struct flavor flavor)
{
    pirn_runtime *a = rt_on(flavor), *b = rt_on(flavor);
    struct waiting wa = {.signo = SIGUSR1}, wb = {.signo = SIGUSR1};

    start_and_wait(pirn_runtime_handle(a), &wa);
    start_and_wait(pirn_runtime_handle(b), &wb);
    EQ(raise(SIGUSR1), 0);
    ends_done(pirn_runtime_handle(a), wa.join, 0);
    ends_done(pirn_runtime_handle(b), wb.join, 0);
    pirn_runtime_free(a); /* the other goes on */
    start_and_wait(pirn_runtime_handle(b), &wb);
    EQ(raise(SIGUSR1), 0);
    ends_done(pirn_runtime_handle(b), wb.join, 0);
    rt_free(b);
}
EACH_FLAVOR(signal, every_runtime_hears_of_it)

static volatile sig_atomic_t old_handler_called, old_action_called;

static void old_handler(int signo)
{
    old_handler_called += signo == SIGUSR1;
}

static void old_action(int signo, siginfo_t *info, void *context)
{
    old_action_called += signo == SIGUSR2 && info->si_pid == getpid() && context != NULL;
}

Test(signal, earlier_handlers_are_called_still, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    struct waiting one = {.signo = SIGUSR1}, two = {.signo = SIGUSR2};

    action.sa_sigaction = old_action;
    CHECK(signal(SIGUSR1, old_handler) != SIG_ERR);
    EQ(sigaction(SIGUSR2, &action, NULL), 0);
    start_and_wait(h, &one);
    start_and_wait(h, &two);
    EQ(raise(SIGUSR1), 0);
    EQ(raise(SIGUSR2), 0);
    ends_done(h, one.join, 0);
    ends_done(h, two.join, 0);
    EQ(old_handler_called, 1);
    EQ(old_action_called, 1);
    rt_free(rt);
}

/* The handler keeps errno, and the default action does not come back with the runtime's end. */
Test(signal, the_handler_stays, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    struct waiting w = {.signo = SIGTERM};

    start_and_wait(pirn_runtime_handle(rt), &w);
    pirn_join_free(w.join);
    rt_free(rt);
    errno = ENOTDIR;
    EQ(raise(SIGTERM), 0);
    EQ(errno, ENOTDIR);
}

static void *wait_on_thread(void *waiting)
{
    struct waiting *w = waiting;
    int out = -1;

    EQ(pirn_poll_wait(waiting_step, w, PIRN_NEVER, &out), 0);
    return (void *)(intptr_t)out;
}

/* A wait of a thread of the caller's ends with the runtime; so does a new one. */
static void the_end_of_the_runtime(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_handle_ref(pirn_runtime_handle(rt));
    struct waiting w = {.signo = SIGUSR1}, late = {.signo = SIGUSR1}, task = {.signo = SIGUSR1};
    pirn_enter guard;
    int out = -1;

    EQ(pirn_handle_enter(h, &guard), 0);
    EQ(pirn_poll_with(NULL, waiting_step, &w, &out), PIRN_PENDING);
    start_and_wait(h, &task);
    pirn_runtime_free(rt);
    join_is(task.join, PIRN_CANCELLED, -ECANCELED);
    EQ((intptr_t)wait_on_thread(&w), PIRN_ESHUTDOWN);
    EQ((intptr_t)wait_on_thread(&late), PIRN_ESHUTDOWN);
    pirn_enter_exit(&guard);
    pirn_handle_unref(h);
    EQ(tally.live, 0);
}
EACH_FLAVOR(signal, the_end_of_the_runtime)

Test(signal, no_memory, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct waiting w = {.signo = SIGUSR1};
    pirn_enter guard;
    int out = 0;

    EQ(pirn_handle_enter(h, &guard), 0);
    tally.fail_at = 1;
    EQ(pirn_poll_with(NULL, waiting_step, &w, &out), 0);
    EQ(out, -ENOMEM);
    EQ(tally.failed, 1);
    EQ(pirn_poll_with(NULL, waiting_step, &w, &out), PIRN_PENDING);
    pirn_op_drop(&w.op);
    pirn_enter_exit(&guard);
    rt_free(rt);
}
