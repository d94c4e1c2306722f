/* SPDX-License-Identifier: MIT */
/* Task-local values: each lies in an operation that is dropped after the frame. */
#include <errno.h>

#include <pirn/local.h>

#include "runtime/runtime.h"
#include "task/base/error.h"
#include "task/cx.h"
#include "task/op.h"

/* guard: as of any operation, the task's */
struct local_value {
    struct op op; /* first in it is nothing of the value's: its state is not used */
    pirn_alloc alloc;
    const pirn_local_key *key;
    void *value;
};

static struct local_value *value_of(struct op *o)
{
    return container_of(o, struct local_value, op);
}

static void free_value(struct local_value *v)
{
    pirn_alloc a = v->alloc;

    a.free(a.user, v, sizeof *v);
}

/* The memory first: the key's drop may fault. */
static void drop_value(void *state)
{
    struct local_value *v = value_of(op_of_state(state));
    const pirn_local_key *key = v->key;
    void *value = v->value;

    free_value(v);
    if (key->drop != NULL)
        key->drop(value);
}

static const pirn_op_kind local_kind = {sizeof(pirn_op_kind), "local value", drop_value};

static struct local_value *find(const pirn_local_key *key, struct pirn_op *ops)
{
    for (struct op *o = (struct op *)(void *)ops; o != NULL; o = o->next)
        if (o->kind == &local_kind && value_of(o)->key == key)
            return value_of(o);
    return NULL;
}

/* What is polled here, or dropped. */
static struct pirn_op *ops_here(void)
{
    pirn_cx *cx = pirn__cx_current();

    return cx != NULL ? *cx->ops : pirn__scope.dropping != NULL ? *pirn__scope.dropping : NULL;
}

static int make(pirn_cx *cx, const pirn_local_key *key, void *value)
{
    pirn_handle *h = context_handle();
    struct local_value *v =
        h->sched.alloc.alloc(h->sched.alloc.user, sizeof *v, _Alignof(struct local_value));

    if (v == NULL)
        return pirn__error(-ENOMEM, "pirn_local_bind: \"%s\": no memory",
                           key->name != NULL ? key->name : "");
    v->alloc = h->sched.alloc;
    v->key = key;
    v->value = value;
    v->op.kind = NULL;
    (void)pirn_op_state((pirn_op *)(void *)&v->op, cx, &local_kind);
    v->op.flags |= OP_LAST;
    return 0;
}

int pirn_local_bind(const pirn_local_key *key, void *value)
{
    pirn_cx *cx = pirn__cx_current();
    struct local_value *v;
    void *old;

    if (key == NULL || key->size < sizeof *key || value == NULL)
        return pirn__error(-EINVAL, "pirn_local_bind: %s",
                           key == NULL     ? "the key is NULL"
                           : value == NULL ? "the value is NULL"
                                           : "the key's size");
    if (cx == NULL || context_handle() == NULL)
        return pirn__error(-EINVAL, "pirn_local_bind: \"%s\": not in a poll of a task",
                           key->name != NULL ? key->name : "");
    v = find(key, *cx->ops);
    if (v == NULL)
        return make(cx, key, value);
    old = v->value;
    v->value = value;
    if (key->drop != NULL)
        key->drop(old);
    return 0;
}

void *pirn_local_get(const pirn_local_key *key)
{
    const struct local_value *v = find(key, ops_here());

    return v != NULL ? v->value : NULL;
}

void *pirn_local_take(const pirn_local_key *key)
{
    struct local_value *v = find(key, ops_here());
    void *value;

    if (v == NULL)
        return NULL;
    value = v->value;
    pirn_op_done((pirn_op *)(void *)&v->op);
    free_value(v);
    return value;
}
