/* SPDX-License-Identifier: MIT */
/* An executor made of the public waker calls alone: what a runtime is at its smallest.
 *
 * Ready tasks come through a channel. A task's waker holds a reference and a sender, and waking is to
 * send the task again; the executor receives, polls, and when no task and no waker is left the channel
 * is closed and the executor ends. The timer is a thread that sleeps and wakes: anything may wake.
 *
 * Prints each task's name when it is done, the quickest first. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <pirn.h>

/* ---- a task, shared by the executor's queue and by wakers ----------------------------------------- */

struct task {
    atomic_int refs;
    atomic_bool queued; /* woken and not polled since: it is in the channel once */
    bool done;          /* guard: the executor's thread */
    int (*poll)(void *frame, pirn_cx *cx, void *out);
    void *frame;
    pirn_mpsc_tx *ready; /* one reference: while tasks exist the channel is open */
};

static void task_give_up(struct task *t)
{
    if (atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    pirn_mpsc_tx_unref(t->ready);
    free(t->frame);
    free(t);
}

static void *task_clone(void *data)
{
    struct task *t = data;

    (void)atomic_fetch_add(&t->refs, 1);
    return t;
}

/* The channel is unbounded and its receiver outlives all tasks: only memory can be missing. */
static void task_send(struct task *t)
{
    if (pirn_mpsc_send_try(t->ready, &t) != 0)
        abort();
}

static void task_wake_by_ref(void *data)
{
    struct task *t = data;

    if (!atomic_exchange(&t->queued, true))
        task_send(task_clone(t));
}

static void task_wake(void *data)
{
    task_wake_by_ref(data);
    task_give_up(data);
}

static void task_drop(void *data)
{
    task_give_up(data);
}

static const pirn_waker_vt task_waker = {
    sizeof(pirn_waker_vt), task_clone, task_wake, task_wake_by_ref, task_drop,
};

/* ---- the executor ----------------------------------------------------------------------------------- */

/* @frame: from malloc, the task's from now on. */
static bool spawn(pirn_mpsc_tx *ready, int (*poll)(void *, pirn_cx *, void *), void *frame)
{
    struct task *t = calloc(1, sizeof *t);

    if (t == NULL)
        return false;
    t->refs = 1;
    t->queued = true;
    t->poll = poll;
    t->frame = frame;
    t->ready = pirn_mpsc_tx_ref(ready);
    task_send(t);
    return true;
}

/* Return: whether no task has failed. */
static bool run(pirn_mpsc_rx *ready)
{
    bool good = true;
    struct task *t;
    int r;

    while (pirn_mpsc_recv_wait(ready, PIRN_NEVER, &t) == 0) {
        const pirn_waker w = {&task_waker, t};

        /* Before the poll: a wake that comes while it runs sends the task again. */
        atomic_store(&t->queued, false);
        if (!t->done) {
            r = pirn_poll_with(&w, t->poll, t->frame, NULL);
            t->done = r != PIRN_PENDING;
            good = good && (!t->done || r == 0);
        }
        task_give_up(t);
    }
    return good;
}

/* ---- a future: a timer that is a thread ------------------------------------------------------------- */

struct timer {
    const char *name;
    long ms;
    bool begun;
    atomic_bool over;
    pirn_waker_cell waker;
    pthread_t thread;
};

static void *timer_thread(void *arg)
{
    struct timer *f = arg;
    const struct timespec pause = {0, f->ms * 1000000};

    (void)nanosleep(&pause, NULL);
    f->over = true;
    pirn_waker_cell_wake(&f->waker);
    return NULL;
}

static int timer_poll(void *frame, pirn_cx *cx, void *out)
{
    struct timer *f = frame;

    (void)out;
    pirn_waker_cell_set(&f->waker, cx); /* first; then the condition: no wake is lost */
    if (!f->begun) {
        f->begun = true;
        if (pthread_create(&f->thread, NULL, timer_thread, f) != 0) {
            pirn_waker_cell_fini(&f->waker); /* or the task would be kept by its own waker */
            fprintf(stderr, "%s: there is no thread for it\n", f->name);
            return -EAGAIN;
        }
    }
    if (!f->over)
        return PIRN_PENDING;
    (void)pthread_join(f->thread, NULL);
    pirn_waker_cell_fini(&f->waker);
    printf("%s\n", f->name);
    return 0;
}

static bool spawn_timer(pirn_mpsc_tx *ready, const char *name, long ms)
{
    struct timer *f = calloc(1, sizeof *f);

    if (f == NULL)
        return false;
    f->name = name;
    f->ms = ms;
    if (spawn(ready, timer_poll, f))
        return true;
    free(f);
    return false;
}

int main(void)
{
    pirn_mpsc_tx *tx;
    pirn_mpsc_rx *rx;
    bool good;

    if (pirn_mpsc_new(sizeof(struct task *), PIRN_UNBOUNDED, NULL, &tx, &rx) != 0)
        return 1;
    good = spawn_timer(tx, "slow", 60) && spawn_timer(tx, "quick", 20) &&
           spawn_timer(tx, "between", 40);
    pirn_mpsc_tx_unref(tx); /* the tasks have theirs */
    good = run(rx) && good;
    pirn_mpsc_rx_free(rx);
    return !good;
}
