/* SPDX-License-Identifier: MIT */
/* Joining a task: the handle's protocol with the completer, and the public join and abort.
 *
 * The join waker's words lie in the cell. While JOIN_WAKER is clear they are the handle's to write;
 * setting it (T11) publishes them; from then on the handle may only read, until it clears the bit
 * again (T12). The completer clears it in the same exchange that sets COMPLETE, and owns the waker
 * if it was set. Both of the handle's steps fail once COMPLETE is set, so a live waker has one
 * owner at every moment: whoever's exchange cleared the bit. */
#include "task/join.h"

#include <errno.h>

#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/cell.h"
#include "task/cx.h"
#include "task/fault.h"
#include "task/harness.h"
#include "task/move.h"
#include "task/waker.h"

/* ---- the protocol -------------------------------------------------------------------------- */

static bool same_waker(const struct join_slot *slot, const pirn_waker *w)
{
    return slot_vt(slot) == w->vt && slot_data(slot) == w->data;
}

/* Out of the slot; the words stay, for whoever may be reading them. */
static void copy_words(pirn_waker *to, const struct join_slot *slot)
{
    to->vt = slot_vt(slot);
    to->data = slot_data(slot);
}

static void clone_into(struct join_slot *slot, const pirn_waker *w)
{
    slot_set(slot, w->vt, w->vt != NULL ? w->vt->clone(w->data) : NULL);
}

static void drop_words(const pirn_waker *w)
{
    if (w->vt != NULL)
        w->vt->drop(w->data);
}

/* The descriptor's struct, if the handle has one that is told of the task's end. */
static void *fd_of(const struct header *h)
{
    const pirn_waker_vt *vt = slot_vt(&h->join_waker);

    return vt != NULL && vt == h->sched->ops->join_fd_vt ? slot_data(&h->join_waker) : NULL;
}

/* The slot is the descriptor's: it passes the wake on. */
static bool register_behind_fd(struct header *h, void *fd, const pirn_waker *w)
{
    (void)h->sched->ops->join_fd_forward(fd, w);
    if (!(pirn__state_load(&h->state) & STATE_COMPLETE))
        return false;
    /* Not there any more: the completer has it, and its wake is on its way. */
    return h->sched->ops->join_fd_forward(fd, NULL);
}

/* Writes a clone of @w into the empty slot and publishes it. Return: true: complete; it was taken
 * back. */
static bool fill_slot(struct header *h, const pirn_waker *w)
{
    pirn_waker mine = {NULL, NULL};

    clone_into(&h->join_waker, w);
    if (LIKELY(pirn__state_set_join_waker(&h->state)))
        return false;
    copy_words(&mine, &h->join_waker);
    slot_set(&h->join_waker, NULL, NULL);
    drop_words(&mine);
    return true;
}

/* Something was left before. */
static NOINLINE bool replace_waker(struct header *h, const pirn_waker *w)
{
    pirn_waker old = {NULL, NULL};
    bool complete;

    if (fd_of(h) != NULL)
        return register_behind_fd(h, fd_of(h), w);
    if (same_waker(&h->join_waker, w))
        return false;
    if (slot_vt(&h->join_waker) != NULL && slot_vt(&h->join_waker)->size == WAKER_VT_PARKER)
        CLIENT_BUG("pirn_join_wait", "another thread waits on the same handle");
    copy_words(&old, &h->join_waker);
    if (!pirn__state_unset_join_waker(&h->state))
        return true; /* the completer has the old one */
    complete = fill_slot(h, w);
    drop_words(&old);
    return complete;
}

bool pirn__join_register(struct join_handle j, const pirn_waker *w)
{
    struct header *h = j.cell;
    size_t word = pirn__state_load(&h->state);

    if (word & STATE_COMPLETE)
        return true;
    if (UNLIKELY(word & STATE_JOIN_WAKER))
        return replace_waker(h, w);
    return fill_slot(h, w);
}

bool pirn__join_unregister(struct join_handle j)
{
    struct header *h = j.cell;
    pirn_waker w = {NULL, NULL};

    if (fd_of(h) != NULL)
        return h->sched->ops->join_fd_forward(fd_of(h), NULL);
    if (!(pirn__state_load(&h->state) & STATE_JOIN_WAKER) ||
        !pirn__state_unset_join_waker(&h->state))
        return false;
    copy_words(&w, &h->join_waker);
    slot_set(&h->join_waker, NULL, NULL);
    drop_words(&w);
    return true;
}

static void take_output(struct header *h, void *out)
{
    if (out == NULL)
        pirn__harness_drop_output(h);
    else if (h->desc->out_size != 0)
        pirn__move_bytes(out, cell_stage(h), h->desc->out_size);
}

static void fill_result(const struct header *h, pirn_result *res, enum pirn_outcome outcome,
                        int code)
{
    if (res == NULL)
        return;
    res->outcome = outcome;
    res->code = code;
    res->task_id = h->id;
}

/* Any result but the usual one, wherever it lies. */
static NOINLINE int take_unusual(struct header *h, pirn_result *res, void *out)
{
    union cell_end *end = cell_end(h);
    void *fd = fd_of(h);
    enum pirn_outcome outcome = PIRN_DONE;
    int code = 0;

    /* Who has seen the end by this call finds the descriptor readable too. */
    if (UNLIKELY(fd != NULL))
        h->sched->ops->join_fd_signal(fd);
    /* Marked as taken first: an output's drop that asks this handle finds it served. */
    switch (cell_outcome(h)) {
    case OUTCOME_DONE:
        code = end->code;
        cell_set_outcome(h, OUTCOME_TAKEN);
        if (code == 0)
            take_output(h, out);
        break;
    case OUTCOME_CANCELLED:
        outcome = PIRN_CANCELLED;
        code = -ECANCELED;
        cell_set_outcome(h, OUTCOME_TAKEN);
        break;
    case OUTCOME_FAULTED:
        outcome = PIRN_FAULTED;
        code = end->fault->code;
        cell_set_outcome(h, OUTCOME_TAKEN_FAULT);
        (void)pirn__error(0, "%s", end->fault->text);
        break;
    case OUTCOME_FAULTED_PLAIN:
        outcome = PIRN_FAULTED;
        code = end->code;
        cell_set_outcome(h, OUTCOME_TAKEN_PLAIN);
        break;
    default:
        return pirn__error(-EINVAL, "pirn_join: the result was taken before");
    }
    fill_result(h, res, outcome, code);
    return 0;
}

int pirn__join_take(struct join_handle j, pirn_result *res, void *out)
{
    struct header *h = j.cell;
    int code;

    if (UNLIKELY(h->owned.outcome != OUTCOME_DONE || fd_of(h) != NULL))
        return take_unusual(h, res, out);
    code = h->end.code;
    h->owned.outcome = OUTCOME_TAKEN; /* first: see take_unusual() */
    if (code == 0)
        take_output(h, out);
    fill_result(h, res, PIRN_DONE, code);
    return 0;
}

/* The task is complete: what it left is the handle's to drop. */
static void drop_complete(struct header *h)
{
    const struct sched_ops *ops = h->sched->ops;
    void *fd = fd_of(h);

    if (UNLIKELY(h->owned.outcome == OUTCOME_ASIDE)) {
        struct cell_aside *aside = h->end.aside;

        fd = aside;
        h->owned.outcome = aside->outcome;
        h->end = aside->end;
    }
    if (h->owned.outcome == OUTCOME_DONE && h->end.code == 0) {
        h->owned.outcome = OUTCOME_TAKEN;
        pirn__harness_drop_output(h);
    }
    if (pirn__state_ref_dec_join(&h->state))
        pirn__harness_free(h);
    if (UNLIKELY(fd != NULL))
        ops->join_fd_free(fd);
}

void pirn__join_drop_taken(struct join_handle j)
{
    if (pirn__state_ref_dec_join(&j.cell->state))
        pirn__harness_free(j.cell);
}

void pirn__join_drop(struct join_handle j)
{
    struct header *h = j.cell;
    /* Read before the reference is given up: cell and scheduler may be gone afterwards. The
     * waker's words are ours to read at any time. */
    const struct sched_ops *ops = h->sched->ops;
    void *fd = fd_of(h);
    pirn_waker w = {NULL, NULL};

    copy_words(&w, &h->join_waker);
    switch (pirn__state_drop_join(&h->state)) {
    case JOIN_DROP_DONE:
        break;
    case JOIN_DROP_WAKER:
        drop_words(&w);
        break;
    case JOIN_DROP_COMPLETE:
        drop_complete(h);
        return;
    }
    if (fd != NULL)
        ops->join_fd_free(fd);
}

/* ---- the public face ------------------------------------------------------------------------ */
#if !defined(PIRN_MODEL)

void pirn__join_check(const pirn_join *j, const char *call)
{
    if (UNLIKELY(j == NULL))
        CLIENT_BUG(call, "the handle is NULL");
    if (UNLIKELY(!(pirn__state_peek(&join_cell(j)->state) & STATE_JOIN_INTEREST)))
        CLIENT_BUG(call, "the handle was freed before");
}

int pirn_join_poll(pirn_join *j, pirn_cx *cx, pirn_result *res, void *out)
{
    struct join_handle handle = {join_cell(j)};

    if (UNLIKELY(j == NULL))
        return pirn__error(-EINVAL, "pirn_join_poll: the handle is NULL");
    pirn__join_check(j, "pirn_join_poll");
    if (!pirn__cx_take_unit(cx))
        return PIRN_PENDING;
    if (!pirn__join_register(handle, &cx->waker)) {
        cx_return_unit(cx);
        return PIRN_PENDING;
    }
    return pirn__join_take(handle, res, out);
}

int pirn_join_try(pirn_join *j, pirn_result *res, void *out)
{
    if (j == NULL)
        return pirn__error(-EINVAL, "pirn_join_try: the handle is NULL");
    pirn__join_check(j, "pirn_join_try");
    if (!pirn_join_is_finished(j))
        return -EAGAIN;
    return pirn__join_take((struct join_handle){join_cell(j)}, res, out);
}

void pirn_join_abort(pirn_join *j)
{
    if (j == NULL)
        return;
    pirn__join_check(j, "pirn_join_abort");
    pirn__waker_abort((struct abort_handle){join_cell(j)});
}

void pirn_join_free(pirn_join *j)
{
    if (j == NULL)
        return;
    pirn__join_check(j, "pirn_join_free");
    if (LIKELY(pirn_join_is_finished(j)))
        drop_complete(join_cell(j));
    else
        pirn__join_drop((struct join_handle){join_cell(j)});
}

bool pirn_join_is_finished(const pirn_join *j)
{
    pirn__join_check(j, "pirn_join_is_finished");
    return pirn__state_load(&join_cell(j)->state) & STATE_COMPLETE;
}

uint64_t pirn_join_id(const pirn_join *j)
{
    pirn__join_check(j, "pirn_join_id");
    return join_cell(j)->id;
}

const char *pirn_join_fault_text(const pirn_join *j)
{
    struct header *h = join_cell(j);

    pirn__join_check(j, "pirn_join_fault_text");
    if (!pirn_join_is_finished(j))
        return NULL;
    switch (cell_outcome(h)) {
    case OUTCOME_FAULTED:
    case OUTCOME_TAKEN_FAULT:
        return cell_end(h)->fault->text;
    case OUTCOME_FAULTED_PLAIN:
    case OUTCOME_TAKEN_PLAIN:
        return "";
    default:
        return NULL;
    }
}

pirn_abort *pirn_join_abort_handle(pirn_join *j)
{
    pirn__join_check(j, "pirn_join_abort_handle");
    pirn__waker_clone(join_cell(j));
    return (pirn_abort *)(void *)join_cell(j);
}

/* Seen while the cell has not been reused: a task has references, a vacant cell none. */
static void check_abort(const pirn_abort *a, const char *call)
{
    const struct header *h = (const struct header *)(const void *)a;

    if (STATE_REFS(pirn__state_peek(&h->state)) == 0)
        CLIENT_BUG(call, "the handle was freed before");
}

void pirn_abort_now(pirn_abort *a)
{
    if (a == NULL)
        return;
    check_abort(a, "pirn_abort_now");
    pirn__waker_abort((struct abort_handle){(struct header *)(void *)a});
}

void pirn_abort_free(pirn_abort *a)
{
    struct header *h = (struct header *)(void *)a;

    if (h == NULL)
        return;
    check_abort(a, "pirn_abort_free");
    /* Not a waker's drop: it could not have woken the task. But it hid that nothing can. */
    pirn__waker_drop((struct task_waker){h});
}
#endif
