/* SPDX-License-Identifier: MIT */
/* Connecting to a name: its addresses, one after the other. */
#include <errno.h>
#include <netdb.h>

#include <pirn/net.h>
#include <pirn/tcp.h>

#include "runtime/runtime.h"
#include "task/base/error.h"

static const char dial_name[] = "pirn_tcp_dial_poll";

/* Too large for an op, as it has one of its own: the lookup's, then those of the attempts in turn. */
struct dial {
    pirn_handle *h; /* whose memory this is; a reference */
    pirn_op inner;
    struct addrinfo *list, *next; /* NULL, NULL: it is being looked up */
};

struct dial_state {
    struct dial *dial;
};

static void free_dial(struct dial *d)
{
    pirn_handle *h = d->h;

    if (d->list != NULL)
        freeaddrinfo(d->list);
    h->sched.alloc.free(h->sched.alloc.user, d, sizeof *d);
    pirn_handle_unref(h);
}

static void dial_drop(void *state)
{
    struct dial *d = ((struct dial_state *)state)->dial;

    pirn_op_drop(&d->inner);
    free_dial(d);
}

static const pirn_op_kind dial_kind = {
    .size = sizeof(pirn_op_kind),
    .name = "pirn_tcp_dial_poll",
    .drop = dial_drop,
};

static struct dial *new_dial(pirn_handle *h)
{
    struct dial *d = h->sched.alloc.alloc(h->sched.alloc.user, sizeof *d, _Alignof(struct dial));

    if (d == NULL)
        return NULL;
    d->h = pirn_handle_ref(h);
    d->inner = (pirn_op){0};
    d->list = d->next = NULL;
    return d;
}

/* Whether the next address may do better. */
static bool worth_another(int err)
{
    return err > PIRN_EOF && err != -EMFILE && err != -ENFILE && err != -ENOMEM &&
           err != -ECANCELED;
}

static int dial_step(struct dial *d, pirn_cx *cx, const char *host, const char *service,
                     pirn_stream **out)
{
    int r;

    if (d->list == NULL) {
        r = pirn_lookup_poll(&d->inner, cx, host, service, NULL, &d->list);
        if (r != 0)
            return r;
        d->next = d->list;
    }
    for (;;) {
        r = pirn_tcp_connect_poll(&d->inner, cx, d->next->ai_addr, d->next->ai_addrlen, out);
        if (r >= 0 || !worth_another(r) || d->next->ai_next == NULL)
            return r;
        d->next = d->next->ai_next;
    }
}

int pirn_tcp_dial_poll(pirn_op *op, pirn_cx *cx, const char *host, const char *service,
                       pirn_stream **out)
{
    bool begin = !pirn_op_is_pending(op);
    struct dial_state *st;
    struct dial *d;
    pirn_handle *h;
    int r;

    if (begin) {
        if (host == NULL || service == NULL || out == NULL)
            return pirn__error(-EINVAL, "%s: an argument is NULL", dial_name);
        h = pirn__runtime_resolve(NULL, dial_name);
        if (h == NULL)
            return PIRN_ENORUNTIME;
        d = new_dial(h);
        if (d == NULL)
            return pirn__error(-ENOMEM, "%s: no memory", dial_name);
        st = pirn_op_state(op, cx, &dial_kind);
        st->dial = d;
    }
    st = pirn_op_state(op, cx, &dial_kind);
    r = dial_step(st->dial, cx, host, service, out);
    if (r == PIRN_PENDING)
        return r;
    free_dial(st->dial);
    pirn_op_done(op);
    return r;
}
