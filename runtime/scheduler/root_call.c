/* SPDX-License-Identifier: MIT */
/* What a call of pirn_block_on() owes its caller: room for the output, the frame's end, the result. */
#include <errno.h>
#include <stdio.h>

#include "runtime/scheduler/root.h"
#include "task/base/error.h"
#include "task/base/scope.h"
#include "task/fault.h"

static void free_room(struct pirn_handle *h, const pirn_task_desc *d, void *room)
{
    if (room != NULL)
        h->sched.alloc.free(h->sched.alloc.user, room, d->out_size);
}

struct root *pirn__root_open(struct pirn_handle *h, struct driver *driver, const pirn_task_desc *d,
                             void *frame, void *out)
{
    const pirn_alloc *a = &h->sched.alloc;
    size_t align = d->out_align != 0 ? d->out_align : _Alignof(max_align_t);
    void *room = NULL;
    struct root *r = NULL;

    if (out == NULL && d->out_size != 0)
        room = a->alloc(a->user, d->out_size, align);
    if (out != NULL || d->out_size == 0 || room != NULL)
        r = pirn__root_new(h, driver, d, frame, d->out_size == 0 ? NULL : out != NULL ? out : room);
    if (r == NULL) {
        free_room(h, d, room);
        (void)pirn__error(-ENOMEM, "pirn_block_on: no memory");
        return NULL;
    }
    r->out_given = out != NULL;
    return r;
}

struct contained_poll {
    struct root *root;
    uint32_t budget;
};

static void poll_contained(void *arg)
{
    struct contained_poll *c = arg;

    (void)pirn__root_poll(c->root, c->budget);
}

enum end pirn__root_poll_contained(struct root *r, uint32_t budget)
{
    struct contained_poll c = {r, budget};

    if (!pirn__contain(poll_contained, &c))
        return END_FAULTED;
    return r->ready ? END_READY : END_IDLE;
}

static void drop_output(void *arg)
{
    struct root *root = arg;

    root->desc->out_drop(root->out);
}

void pirn__root_note_fault(struct root *r)
{
    r->fault_code = pirn__fault_code();
    (void)snprintf(r->fault_text, sizeof r->fault_text, "%s", pirn__fault_text());
}

int pirn__root_finish(struct root *root, pirn_result *res)
{
    struct sched *s = &root->handle->sched;
    struct task_facts facts = {.desc = root->desc};
    pirn_result r = {PIRN_DONE, root->code, 0};
    bool faulted = root->end == END_FAULTED;
    bool whole = pirn__root_drop(root, s);

    if (!whole && root->end == END_READY) {
        pirn__root_note_fault(root);
        faulted = true;
    } else if (!whole) {
        s->ops->contained(s);
    }
    if (root->end == END_READY && root->code == 0 && root->desc->out_drop != NULL &&
        root->desc->out_size != 0 && (!root->out_given || !whole) &&
        !pirn__contain_busy(drop_output, root))
        s->ops->contained(s);
    if (root->end == END_STOPPED)
        return pirn__error(PIRN_ESHUTDOWN, "pirn_block_on: the runtime shuts down");
    if (faulted) {
        r = (pirn_result){PIRN_FAULTED, root->fault_code, 0};
        s->ops->faulted(s, &facts, r.code, root->fault_text);
        (void)pirn__error(0, "%s", root->fault_text);
    }
    if (res != NULL)
        *res = r;
    return 0;
}

void pirn__root_close(struct root *r)
{
    if (!r->out_given && r->desc->out_size != 0)
        free_room(r->handle, r->desc, r->out);
    pirn__root_free(r);
}
