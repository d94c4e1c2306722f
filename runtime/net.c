/* SPDX-License-Identifier: MIT */
/* What the faces of the net share: where to register, what a descriptor is. */
#include "runtime/net.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/net/addr.h"
#include "runtime/net/fd.h"
#include "task/base/error.h"

struct io *pirn__net_io(pirn_handle *h, const char *call)
{
    h = pirn__runtime_resolve(h, call);
    return h != NULL ? h->io : NULL;
}

enum stream_kind pirn__net_stream_kind(int family)
{
    switch (family) {
    case AF_INET:
    case AF_INET6:
        return STREAM_TCP;
    case AF_UNIX:
        return STREAM_UNIX;
    default:
        return STREAM_OTHER;
    }
}

int pirn__net_adopt(struct io *io, int fd, enum stream_kind kind, unsigned watch, pirn_stream **out,
                    const char *call)
{
    int r = pirn__stream_make(io, fd, kind, watch, out);

    if (r == 0)
        return 0;
    (void)close(fd);
    return pirn__net_error(r, call);
}

int pirn__net_inspect(int fd, int type, int *family, const char *call)
{
    int has, r;

    r = pirn__fd_option(fd, SOL_SOCKET, SO_TYPE, &has);
    if (r == 0 && has != type)
        return pirn__error(-ESOCKTNOSUPPORT, "%s: the socket is of type %d, not %d", call, has,
                           type);
    if (r == 0)
        r = pirn__fd_option(fd, SOL_SOCKET, SO_DOMAIN, family);
    return r == 0 ? 0 : pirn__net_error(r, call);
}

int pirn__net_name(int fd, bool peer, pirn_addr *out, const char *call)
{
    socklen_t n = sizeof out->storage;
    pirn_addr a;
    int r;

    memset(&a, 0, sizeof a);
    r = peer ? getpeername(fd, &a.sa, &n) : getsockname(fd, &a.sa, &n);
    if (r != 0)
        return pirn__net_error(-errno, call);
    pirn__addr_received(&a, n);
    *out = a;
    return 0;
}
