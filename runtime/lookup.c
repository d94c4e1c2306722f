/* SPDX-License-Identifier: MIT */
/* Names to addresses: getaddrinfo() on a thread of the blocking pool.
 *
 * Nobody can interrupt it. An operation that is dropped meanwhile gives up the task's handle; the task
 * ends in its own time, and what it found goes with its output. */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/net.h>

#include "runtime/runtime.h"
#include "task/base/error.h"
#include "task/op.h"

static const char lookup_name[] = "pirn_lookup_poll";

/* What is asked; the texts stand behind it. */
struct lookup_request {
    const pirn_alloc *alloc; /* of the runtime, which is there as long as its tasks are */
    size_t bytes;
    const char *host, *service;
    struct addrinfo hints;
};

struct lookup_answer {
    struct addrinfo *list;
    int code;  /* EAI_* */
    int error; /* errno, with EAI_SYSTEM */
};

struct lookup_frame {
    struct lookup_request *request;
};

static void ask(const struct lookup_request *q, struct lookup_answer *a)
{
    a->list = NULL;
    errno = 0;
    a->code = getaddrinfo(q->host, q->service, &q->hints, &a->list);
    a->error = errno;
}

static void free_request(struct lookup_request *q)
{
    q->alloc->free(q->alloc->user, q, q->bytes);
}

static int lookup_poll(void *frame, pirn_cx *cx, void *out)
{
    const struct lookup_frame *f = frame;

    (void)cx;
    ask(f->request, out);
    return 0;
}

static void lookup_drop(void *frame)
{
    free_request(((struct lookup_frame *)frame)->request);
}

static void answer_drop(void *out)
{
    struct lookup_answer *a = out;

    if (a->list != NULL)
        freeaddrinfo(a->list);
}

static const pirn_task_desc lookup_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "lookup",
    .poll = lookup_poll,
    .drop = lookup_drop,
    .frame_size = sizeof(struct lookup_frame),
    .out_size = sizeof(struct lookup_answer),
    .out_drop = answer_drop,
    .flags = PIRN_TASK_BLOCKING,
};

/* ---- what is asked -------------------------------------------------------------------------------- */

/* Copies @text, if there is one, to *@at. */
static const char *copy_text(const char *text, char **at)
{
    char *copy = *at;
    size_t n;

    if (text == NULL)
        return NULL;
    n = strlen(text) + 1;
    memcpy(copy, text, n);
    *at += n;
    return copy;
}

static struct lookup_request *new_request(const pirn_alloc *alloc, const char *host,
                                          const char *service, const struct addrinfo *hints)
{
    size_t bytes = sizeof(struct lookup_request) + (host != NULL ? strlen(host) + 1 : 0) +
                   (service != NULL ? strlen(service) + 1 : 0);
    struct lookup_request *q = alloc->alloc(alloc->user, bytes, _Alignof(struct lookup_request));
    char *at;

    if (q == NULL)
        return NULL;
    at = (char *)(q + 1);
    q->alloc = alloc;
    q->bytes = bytes;
    q->host = copy_text(host, &at);
    q->service = copy_text(service, &at);
    /* The other members of hints must be zero, and are none of ours. */
    q->hints = (struct addrinfo){.ai_socktype = SOCK_STREAM};
    if (hints != NULL)
        q->hints = (struct addrinfo){.ai_flags = hints->ai_flags,
                                     .ai_family = hints->ai_family,
                                     .ai_socktype = hints->ai_socktype,
                                     .ai_protocol = hints->ai_protocol};
    return q;
}

/* What needs no name server: done here. */
static bool ask_numeric(const struct lookup_request *q, struct lookup_answer *a)
{
    struct lookup_request numeric = *q;

    numeric.hints.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
    ask(&numeric, a);
    return a->code == 0;
}

/* ---- the answer ----------------------------------------------------------------------------------- */

static int code_of(const struct lookup_answer *a)
{
    switch (a->code) {
    case EAI_NONAME:
    case EAI_NODATA:
        return -ENOENT;
    case EAI_ADDRFAMILY:
        return -ENOENT; /* the host has none of that family */
    case EAI_AGAIN:
        return -EAGAIN;
    case EAI_FAIL:
        return -EIO;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_FAMILY:
        return -EAFNOSUPPORT;
    case EAI_OVERFLOW:
        return -ENAMETOOLONG;
    case EAI_SYSTEM:
        return a->error != 0 ? -a->error : -EIO;
    default: /* EAI_BADFLAGS, EAI_SERVICE, EAI_SOCKTYPE */
        return -EINVAL;
    }
}

static int answer(const struct lookup_answer *a, struct addrinfo **out)
{
    if (a->code == 0) {
        *out = a->list;
        return 0;
    }
    return pirn__error(code_of(a), "%s: %s", lookup_name,
                       a->code == EAI_SYSTEM ? pirn_strerror(a->error) : gai_strerror(a->code));
}

/* ---- the operation -------------------------------------------------------------------------------- */

struct lookup_state {
    pirn_join *join;
};

static void lookup_op_drop(void *state)
{
    const struct lookup_state *st = state;

    pirn_join_abort(st->join);
    pirn_join_free(st->join);
}

static const pirn_op_kind lookup_op = {
    .size = sizeof(pirn_op_kind),
    .name = "pirn_lookup_poll",
    .drop = lookup_op_drop,
};

/* Return: 0: *@join has been started; else it is over: PIRN_PENDING never, *@a filled in or the error. */
static int start_lookup(const char *host, const char *service, const struct addrinfo *hints,
                        struct lookup_answer *a, pirn_join **join)
{
    pirn_handle *h = pirn__runtime_resolve(NULL, lookup_name);
    struct lookup_frame f;
    int r;

    *join = NULL;
    if (h == NULL)
        return PIRN_ENORUNTIME;
    f.request = new_request(&h->sched.alloc, host, service, hints);
    if (f.request == NULL)
        return pirn__error(-ENOMEM, "%s: no memory", lookup_name);
    if (ask_numeric(f.request, a)) {
        free_request(f.request);
        return 0;
    }
    r = pirn_spawn(h, &lookup_desc, &f, join);
    if (r != 0)
        free_request(f.request);
    return r;
}

static int finish_lookup(pirn_op *op, pirn_cx *cx, struct lookup_state *st, struct addrinfo **out)
{
    struct lookup_answer a;
    pirn_result res;
    int r = pirn_join_poll(st->join, cx, &res, &a);

    if (r == PIRN_PENDING)
        return r;
    pirn_join_free(st->join);
    pirn_op_done(op);
    if (r != 0)
        return r;
    if (res.outcome == PIRN_DONE)
        return answer(&a, out);
    if (res.outcome == PIRN_CANCELLED)
        return pirn__error(PIRN_ESHUTDOWN, "%s: the runtime has shut down", lookup_name);
    return pirn__error(PIRN_EFAULT, "%s: the lookup faulted", lookup_name);
}

/* What is no name and no number of 0 to 65535: getaddrinfo() takes signs and blanks, and a number's lowest 16
 * bits. */
static bool is_no_port(const char *service)
{
    size_t n;

    if (service == NULL)
        return false;
    n = strspn(service, "0123456789");
    if (service[n] == '\0')
        return n == 0 || n > 9 || strtoul(service, NULL, 10) > UINT16_MAX;
    return strchr("+- \t", service[0]) != NULL;
}

int pirn_lookup_poll(pirn_op *op, pirn_cx *cx, const char *host, const char *service,
                     const struct addrinfo *hints, struct addrinfo **out)
{
    struct lookup_state *st;
    struct lookup_answer a;
    pirn_join *join;
    int r;

    if (!pirn_op_is_pending(op)) {
        if (out == NULL || (host == NULL && service == NULL))
            return pirn__error(-EINVAL, "%s: %s", lookup_name,
                               out == NULL ? "out is NULL" : "neither a host nor a service");
        if (is_no_port(service))
            return pirn__error(-EINVAL, "%s: no port of 0 to 65535: %s", lookup_name, service);
        r = start_lookup(host, service, hints, &a, &join);
        if (r != 0)
            return r;
        if (join == NULL)
            return answer(&a, out);
        st = pirn_op_state(op, cx, &lookup_op);
        st->join = join;
    } else {
        st = pirn_op_state(op, cx, &lookup_op);
    }
    return finish_lookup(op, cx, st, out);
}
