/* SPDX-License-Identifier: MIT */
/* Is this an address that a socket of ours can have? */
#include "runtime/net/addr.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "task/base/error.h"

int pirn__addr_check_inet(const struct sockaddr *sa, socklen_t n, const char *call)
{
    sa_family_t family;
    socklen_t wanted;

    if (sa == NULL)
        return pirn__error(-EINVAL, "%s: the address is NULL", call);
    if (n < sizeof family)
        return pirn__error(-EINVAL, "%s: an address of %u bytes", call, (unsigned)n);
    family = sa->sa_family;
    if (family != AF_INET && family != AF_INET6)
        return pirn__error(-EAFNOSUPPORT, "%s: an address of family %u, neither IPv4 nor IPv6",
                           call, (unsigned)family);
    wanted = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (n < wanted)
        return pirn__error(-EINVAL, "%s: an %s address of %u bytes, not %u", call,
                           family == AF_INET ? "IPv4" : "IPv6", (unsigned)n, (unsigned)wanted);
    return 0;
}

int pirn__addr_of_path(const char *path, pirn_addr *out, const char *call)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n, most;

    if (path == NULL || path[0] == '\0')
        return pirn__error(-EINVAL, "%s: the path is %s", call, path == NULL ? "NULL" : "empty");
    /* The 0 at the end counts in a path; an abstract name begins with one, and has none at its end. */
    n = strlen(path);
    most = sizeof un.sun_path - (path[0] != '@');
    if (n > most)
        return pirn__error(-ENAMETOOLONG, "%s: a path of %zu bytes, %zu are possible", call, n,
                           most);
    memcpy(un.sun_path, path, n);
    memset(out, 0, sizeof *out);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (path[0] == '@')
        un.sun_path[0] = '\0';
    else
        out->len++;
    memcpy(&out->storage, &un, sizeof un);
    return 0;
}

void pirn__addr_received(pirn_addr *a, socklen_t len)
{
    /* A path that fills sun_path has no 0, and the kernel counts one. */
    a->len = len < sizeof a->storage ? len : sizeof a->storage;
}
