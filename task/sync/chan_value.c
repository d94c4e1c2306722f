/* SPDX-License-Identifier: MIT */
/* Values that several receivers look at. */
#include "task/sync/chan_value.h"

#include <stdlib.h>

#include "task/sync/elem.h"

struct chan_value *pirn__value_new(const struct elem_type *t)
{
    struct chan_value *v;

    if (t->size > PTRDIFF_MAX - sizeof *v)
        return NULL;
    v = malloc(sizeof *v + t->size);
    if (v != NULL) {
        ref_init(&v->refs, 1);
        v->next = NULL;
    }
    return v;
}

void pirn__value_free(struct chan_value *v)
{
    free(v);
}

void pirn__value_unref(const struct elem_type *t, struct chan_value *v)
{
    if (v != NULL && ref_sub(&v->refs, 1)) {
        elem_discard(t->drop, v->elem);
        free(v);
    }
}

struct clone_call {
    const struct elem_type *type;
    void *to;
    const void *from;
    int result;
};

static void run_clone(void *arg)
{
    struct clone_call *call = arg;

    call->result = call->type->clone(call->to, call->from);
}

int pirn__value_clone(const struct elem_type *t, void *to, const void *from)
{
    struct clone_call call = {t, to, from, 0};

    if (t->clone == NULL)
        elem_move(to, from, t->size);
    else if (!pirn__contain(run_clone, &call))
        return CHAN_CLONE_FAULTED;
    return call.result < 0 ? call.result : 0;
}

int pirn__value_take(const struct elem_type *t, struct chan_value *v, void *to)
{
    int r;

    if (ref_is_last(&v->refs)) {
        elem_move(to, v->elem, t->size);
        free(v);
        return 0;
    }
    r = pirn__value_clone(t, to, v->elem);
    pirn__value_unref(t, v);
    return pirn__value_result(r);
}

int pirn__value_result(int r)
{
    if (r == CHAN_CLONE_FAULTED)
        pirn__fault_raise();
    return r;
}
