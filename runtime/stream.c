/* SPDX-License-Identifier: MIT */
/* The operations of a stream: check, then one poll of the attempt in runtime/net/. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <pirn/stream.h>

#include "runtime/net/fd.h"
#include "runtime/net/stream.h"
#include "runtime/os/sigpipe.h"
#include "task/base/error.h"
#include "task/op.h"

/* ---- reading ------------------------------------------------------------------------------------- */

static const struct net_kind read_op =
    NET_KIND("pirn_stream_read_poll", IO_READ, pirn__stream_try_read);
static const struct net_kind readv_op =
    NET_KIND("pirn_stream_readv_poll", IO_READ, pirn__stream_try_readv);
static const struct net_kind read_exact_op =
    NET_KIND("pirn_stream_read_exact_poll", IO_READ, pirn__stream_try_read_exact);
static const struct net_kind peek_op =
    NET_KIND("pirn_stream_peek_poll", IO_READ, pirn__stream_try_peek);

/* An argument is NULL, or there is nothing to move. */
static COLD int nothing_to_move(const pirn_stream *s, const struct net_args *a, size_t *moved,
                                const char *call)
{
    if (s == NULL || a->n != 0)
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    if (moved != NULL)
        *moved = 0;
    return 0;
}

/* What those with one buffer have in common. */
static inline int one_buffer(pirn_op *op, pirn_cx *cx, pirn_stream *s, const struct net_kind *kind,
                             net_attempt *attempt, struct net_args *a, size_t *moved)
{
    int r;

    if (UNLIKELY(s == NULL || a->buf == NULL || a->n == 0) && !net_is_pending(op))
        return nothing_to_move(s, a, moved, kind->op.name);
    r = net_poll(op, cx, stream_reg(s), kind, attempt, a);
    if (LIKELY(r == 0) && moved != NULL)
        *moved = a->done;
    return r;
}

int pirn_stream_read_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s, void *buf, size_t n,
                          size_t *got)
{
    struct net_args a = {.buf = buf, .n = n};

    return one_buffer(op, cx, s, &read_op, pirn__stream_try_read, &a, got);
}

int pirn_stream_read_exact_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s, void *buf, size_t n,
                                size_t *got)
{
    struct net_args a = {.buf = buf, .n = n};

    return one_buffer(op, cx, s, &read_exact_op, pirn__stream_try_read_exact, &a, got);
}

int pirn_stream_peek_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s, void *buf, size_t n,
                          size_t *got)
{
    struct net_args a = {.buf = buf, .n = n};

    return one_buffer(op, cx, s, &peek_op, pirn__stream_try_peek, &a, got);
}

/* ---- writing ------------------------------------------------------------------------------------- */

static const struct net_kind write_op =
    NET_KIND("pirn_stream_write_poll", IO_WRITE, pirn__stream_try_write);
static const struct net_kind write_all_op =
    NET_KIND("pirn_stream_write_all_poll", IO_WRITE, pirn__stream_try_write_all);
static const struct net_kind writev_op =
    NET_KIND("pirn_stream_writev_poll", IO_WRITE, pirn__stream_try_writev);

int pirn_stream_write_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s, const void *buf, size_t n,
                           size_t *sent)
{
    struct net_args a = {.from = buf, .n = n};

    return one_buffer(op, cx, s, &write_op, pirn__stream_try_write, &a, sent);
}

int pirn_stream_write_all_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s, const void *buf, size_t n,
                               size_t *sent)
{
    struct net_args a = {.from = buf, .n = n};

    return one_buffer(op, cx, s, &write_all_op, pirn__stream_try_write_all, &a, sent);
}

/* ---- several buffers ----------------------------------------------------------------------------- */

static bool are_empty(const struct iovec *iov, size_t n)
{
    while (n != 0 && iov->iov_len == 0) {
        iov++;
        n--;
    }
    return n == 0;
}

static int vectored(pirn_op *op, pirn_cx *cx, pirn_stream *s, const struct net_kind *kind,
                    const struct iovec *iov, size_t n, size_t *moved)
{
    struct net_args a = {.iov = iov, .n = n};
    int r;

    if (!net_is_pending(op) && n > IOV_MAX)
        return pirn__error(-EINVAL, "%s: %zu buffers, %d are possible", kind->op.name, n, IOV_MAX);
    if (!net_is_pending(op) && (s == NULL || iov == NULL || are_empty(iov, n))) {
        a.n = iov == NULL ? n : 0;
        return nothing_to_move(s, &a, moved, kind->op.name);
    }
    r = net_poll(op, cx, stream_reg(s), kind, kind->attempt, &a);
    if (r == 0 && moved != NULL)
        *moved = a.done;
    return r;
}

int pirn_stream_readv_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s, const struct iovec *iov,
                           size_t n, size_t *got)
{
    return vectored(op, cx, s, &readv_op, iov, n, got);
}

int pirn_stream_writev_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s, const struct iovec *iov,
                            size_t n, size_t *sent)
{
    return vectored(op, cx, s, &writev_op, iov, n, sent);
}

/* ---- a file -------------------------------------------------------------------------------------- */

enum {
    SENDFILE_BYTES = 1 << 20 /* for a unit of budget: the page cache is fast, and others wait */
};

/* In `done`: how many bytes are sent, and above them the file's descriptor, which has no room elsewhere. */
#define SENDFILE_SHIFT 40
#define SENDFILE_MAX   (((size_t)1 << SENDFILE_SHIFT) - 1)
#define SENDFILE_FDS   (1 << (64 - SENDFILE_SHIFT))

static int try_sendfile(struct registration *r, struct net_args *a, uint32_t seen)
{
    int file = (int)(a->done >> SENDFILE_SHIFT);
    size_t n = a->n < SENDFILE_BYTES ? a->n : SENDFILE_BYTES;
    struct sigpipe_guard guard;
    ssize_t sent;

    if (pirn__fd_is_blocking(r->fd))
        return -EINVAL;
    pirn__sigpipe_begin(&guard);
    do {
        sent = sendfile(r->fd, file, &a->next, n);
    } while (sent < 0 && errno == EINTR);
    pirn__sigpipe_end(&guard, sent < (ssize_t)n);
    if (sent < 0)
        return pirn__net_errno(r, IO_WRITE, seen);
    a->done += (size_t)sent;
    a->n -= (size_t)sent;
    return a->n == 0 || sent == 0 ? 0 : NET_MORE;
}

static const struct net_kind sendfile_op =
    NET_KIND("pirn_stream_sendfile_poll", IO_WRITE, try_sendfile);

int pirn_stream_sendfile_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s, int file, off_t offset,
                              size_t n, size_t *sent)
{
    struct net_args a = {.next = offset, .n = n, .done = (size_t)file << SENDFILE_SHIFT};
    int r = 0;

    if (!net_is_pending(op)) {
        if (s == NULL || offset < 0 || n > SENDFILE_MAX)
            return pirn__error(-EINVAL, "pirn_stream_sendfile_poll: %s",
                               s == NULL    ? "the stream is NULL"
                               : offset < 0 ? "the offset is negative"
                                            : "more than a TiB at a time");
        if (file < 0 || file >= SENDFILE_FDS)
            return pirn__error(-EBADF, "pirn_stream_sendfile_poll: the file's descriptor is %d",
                               file);
    }
    if (n != 0 || net_is_pending(op))
        r = net_poll(op, cx, stream_reg(s), &sendfile_op, try_sendfile, &a);
    if (r == 0 && sent != NULL)
        *sent = a.done & SENDFILE_MAX;
    return r;
}

/* ---- readiness alone ----------------------------------------------------------------------------- */

static int try_nothing(struct registration *r, struct net_args *a, uint32_t seen)
{
    (void)r;
    a->done = (seen & IO_READ ? PIRN_READABLE : 0) | (seen & IO_WRITE ? PIRN_WRITABLE : 0);
    return 0;
}

static const struct net_kind readable_op = NET_KIND("pirn_stream_ready_poll", IO_READ, try_nothing);
static const struct net_kind writable_op =
    NET_KIND("pirn_stream_ready_poll", IO_WRITE, try_nothing);

int pirn_stream_ready_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s, unsigned interest,
                           unsigned *ready)
{
    const struct net_kind *kind = interest == PIRN_READABLE ? &readable_op : &writable_op;
    struct net_args a = {.n = 0};
    int r;

    if (net_is_pending(op))
        kind = op->kind == &writable_op.op ? &writable_op : &readable_op;
    else if (s == NULL || (interest != PIRN_READABLE && interest != PIRN_WRITABLE))
        return pirn__error(-EINVAL, "pirn_stream_ready_poll: %s",
                           s == NULL ? "the stream is NULL"
                                     : "the interest is neither PIRN_READABLE nor PIRN_WRITABLE");
    r = net_poll(op, cx, stream_reg(s), kind, try_nothing, &a);
    if (r == 0 && ready != NULL)
        *ready = (unsigned)a.done;
    return r;
}

/* ---- without waiting ----------------------------------------------------------------------------- */

static int try_once(pirn_stream *s, net_attempt *attempt, struct net_args *a, size_t *moved,
                    const char *call)
{
    uint32_t seen;
    int r;

    if (s == NULL || (a->buf == NULL && a->n != 0))
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    seen = readiness_look(&s->reg.ready);
    if (seen & READY_SHUT)
        return pirn__net_error(PIRN_ESHUTDOWN, call);
    r = a->n == 0 ? 0 : attempt(&s->reg, a, seen);
    if (r != 0)
        return pirn__net_error(r, call);
    if (moved != NULL)
        *moved = a->done;
    return 0;
}

int pirn_stream_read_try(pirn_stream *s, void *buf, size_t n, size_t *got)
{
    struct net_args a = {.buf = buf, .n = n};

    return try_once(s, pirn__stream_try_read, &a, got, "pirn_stream_read_try");
}

int pirn_stream_write_try(pirn_stream *s, const void *buf, size_t n, size_t *sent)
{
    struct net_args a = {.from = buf, .n = n};

    return try_once(s, pirn__stream_try_write, &a, sent, "pirn_stream_write_try");
}
